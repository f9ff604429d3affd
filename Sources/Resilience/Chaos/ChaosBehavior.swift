/// Does something of the caller's choice before calls are made, such as restarting what they call.
///
/// ```swift
/// let restart = ChaosBehavior("restart", policy: ChaosPolicy(rate: 0.001, isEnabled: true)) { _ in
///     try await database.restart()
/// }
/// ```
public final class ChaosBehavior: ChaosStrategy {
    /// When it strikes.
    public let dice: ChaosDice
    @usableFromInline let behavior: @Sendable (CallContext) async throws -> Void

    /// Creates a strategy.
    ///
    /// - Parameters:
    ///   - rate: Takes the place of the policy's rate for a call; nil keeps it. Not asked while chaos is off.
    ///   - chance: Draws the calls; an equal seed draws the same ones.
    ///   - onEvent: Told each time before `behavior` is run.
    ///   - behavior: What is done. An error that it throws is the call's error; the call is not made then.
    public init(
        _ name: String, policy: ChaosPolicy = ChaosPolicy(),
        rate: (@Sendable (CallContext) -> Double?)? = nil, chance: Chance = .system(),
        onEvent: (@Sendable (ChaosEvent) -> Void)? = nil,
        behavior: @escaping @Sendable (CallContext) async throws -> Void
    ) {
        dice = ChaosDice(name, policy, rate, chance, onEvent)
        self.behavior = behavior
    }

    /// Runs `next`, perhaps after the behaviour.
    @inlinable
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try Task.checkCancellation()
        if draw(context) { try await behavior(context) }
        return try await next(context)
    }

    @usableFromInline
    func draw(_ context: CallContext) -> Bool {
        guard dice.strikes(context) else { return false }
        dice.tell(.behavior, context)
        return true
    }
}
