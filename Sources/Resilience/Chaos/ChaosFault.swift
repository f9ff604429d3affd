/// Fails calls without making them.
///
/// ```swift
/// let outage = ChaosFault("outage", throwing: Unavailable(), policy: ChaosPolicy(rate: 0.05))
/// let pipeline = Pipeline {
///     retry
///     breaker
///     outage
/// }
/// outage.isEnabled = true
/// ```
public final class ChaosFault: ChaosStrategy {
    /// When it strikes.
    public let dice: ChaosDice
    private let fault: @Sendable (CallContext) -> (any Error)?

    /// Creates a strategy that throws what `fault` gives for a call; nil lets the call through.
    ///
    /// - Parameters:
    ///   - rate: Takes the place of the policy's rate for a call; nil keeps it. Not asked while chaos is off.
    ///   - chance: Draws the calls; an equal seed draws the same ones.
    ///   - onEvent: Told about each fault before it is thrown.
    public init(
        _ name: String, policy: ChaosPolicy = ChaosPolicy(),
        rate: (@Sendable (CallContext) -> Double?)? = nil, chance: Chance = .system(),
        onEvent: (@Sendable (ChaosEvent) -> Void)? = nil,
        fault: @escaping @Sendable (CallContext) -> (any Error)?
    ) {
        dice = ChaosDice(name, policy, rate, chance, onEvent)
        self.fault = fault
    }

    /// Creates a strategy that throws `error`; else as ``init(_:policy:rate:chance:onEvent:fault:)``.
    public convenience init(
        _ name: String, throwing error: any Error, policy: ChaosPolicy = ChaosPolicy(),
        rate: (@Sendable (CallContext) -> Double?)? = nil, chance: Chance = .system(),
        onEvent: (@Sendable (ChaosEvent) -> Void)? = nil
    ) {
        self.init(name, policy: policy, rate: rate, chance: chance, onEvent: onEvent, fault: { _ in error })
    }

    /// Runs `next`, or throws the fault instead.
    @inlinable
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try Task.checkCancellation()
        if let fault = draw(context) { throw fault }
        return try await next(context)
    }

    @usableFromInline
    func draw(_ context: CallContext) -> (any Error)? {
        guard dice.strikes(context), let fault = fault(context) else { return nil }
        dice.tell(.fault, context)
        return fault
    }
}
