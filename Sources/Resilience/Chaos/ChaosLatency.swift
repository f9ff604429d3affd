/// Lets calls wait before they are made.
///
/// ```swift
/// let slowness = ChaosLatency("slowness", policy: ChaosPolicy(rate: 0.01, isEnabled: true))
/// ```
///
/// A call that is cancelled while it waits is not made. The wait does not look at the call's deadline, as a slow network
/// does not: put it inside a ``Timeout``.
public final class ChaosLatency: ChaosStrategy {
    /// When it strikes.
    public let dice: ChaosDice
    private let latency: @Sendable (CallContext) -> Duration?
    @usableFromInline let time: TimeSource

    /// Creates a strategy whose calls wait for as long as `latency` says; nil and zero are no wait.
    ///
    /// - Parameters:
    ///   - rate: Takes the place of the policy's rate for a call; nil keeps it. Not asked while chaos is off.
    ///   - chance: Draws the calls; an equal seed draws the same ones.
    ///   - onEvent: Told about each wait before it begins.
    public init(
        _ name: String, policy: ChaosPolicy = ChaosPolicy(),
        rate: (@Sendable (CallContext) -> Double?)? = nil, time: TimeSource = TimeSource(),
        chance: Chance = .system(), onEvent: (@Sendable (ChaosEvent) -> Void)? = nil,
        latency: @escaping @Sendable (CallContext) -> Duration?
    ) {
        dice = ChaosDice(name, policy, rate, chance, onEvent)
        self.time = time
        self.latency = latency
    }

    /// Creates a strategy whose calls wait for `latency`; else as ``init(_:policy:rate:time:chance:onEvent:latency:)``.
    ///
    /// - Parameter latency: The wait. Range: 0 or more. Default: 30 s.
    public convenience init(
        _ name: String, waiting latency: Duration = .seconds(30), policy: ChaosPolicy = ChaosPolicy(),
        rate: (@Sendable (CallContext) -> Double?)? = nil, time: TimeSource = TimeSource(),
        chance: Chance = .system(), onEvent: (@Sendable (ChaosEvent) -> Void)? = nil
    ) {
        assert(latency >= .zero, "\(name): the wait is \(latency), but must be 0 or more")
        self.init(
            name, policy: policy, rate: rate, time: time, chance: chance, onEvent: onEvent,
            latency: { _ in latency })
    }

    /// Runs `next`, perhaps after a wait.
    ///
    /// - Throws: `CancellationError` when the call is cancelled before or while it waits, else what `next` throws.
    @inlinable
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try Task.checkCancellation()
        if let wait = draw(context) { try await time.sleep(for: wait) }
        return try await next(context)
    }

    @usableFromInline
    func draw(_ context: CallContext) -> Duration? {
        guard dice.strikes(context), let wait = latency(context), wait > .zero else { return nil }
        dice.tell(.latency(wait), context)
        return wait
    }
}
