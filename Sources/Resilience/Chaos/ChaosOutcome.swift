/// Answers calls with another value without making them, such as an empty or a broken one.
///
/// ```swift
/// let empty = ChaosOutcome("empty", answering: [Hit](), policy: ChaosPolicy(rate: 0.01, isEnabled: true))
/// let hits = try await empty.run { try await find(query) }
/// ```
///
/// By itself it takes only calls for its own type of value. As a layer of a pipeline, which runs calls for values of any
/// type, it answers those that its value fits and lets all others through, which is told as `chaos_misfit`.
public final class ChaosOutcome<Answer: Sendable>: ChaosStrategy {
    /// When it strikes.
    public let dice: ChaosDice
    private let answer: @Sendable (CallContext) -> Answer

    /// Creates a strategy that answers with what `answer` gives for a call.
    ///
    /// - Parameters:
    ///   - rate: Takes the place of the policy's rate for a call; nil keeps it. Not asked while chaos is off.
    ///   - chance: Draws the calls; an equal seed draws the same ones.
    ///   - onEvent: Told about each call that is answered.
    public init(
        _ name: String, policy: ChaosPolicy = ChaosPolicy(),
        rate: (@Sendable (CallContext) -> Double?)? = nil, chance: Chance = .system(),
        onEvent: (@Sendable (ChaosEvent) -> Void)? = nil,
        answer: @escaping @Sendable (CallContext) -> Answer
    ) {
        dice = ChaosDice(name, policy, rate, chance, onEvent)
        self.answer = answer
    }

    /// Creates a strategy that answers with `value`; else as ``init(_:policy:rate:chance:onEvent:answer:)``.
    public convenience init(
        _ name: String, answering value: Answer, policy: ChaosPolicy = ChaosPolicy(),
        rate: (@Sendable (CallContext) -> Double?)? = nil, chance: Chance = .system(),
        onEvent: (@Sendable (ChaosEvent) -> Void)? = nil
    ) {
        self.init(name, policy: policy, rate: rate, chance: chance, onEvent: onEvent, answer: { _ in value })
    }

    /// Runs `operation`, or gives its caller the other value instead.
    public func run(_ operation: () async throws -> Answer) async throws -> Answer {
        try Task.checkCancellation()
        let context = CallContext()
        guard dice.strikes(context) else { return try await operation() }
        dice.tell(.outcome, context)
        return answer(context)
    }

    /// Runs `next`, or answers instead if the value fits.
    @inlinable
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try Task.checkCancellation()
        if let answer = draw(context, as: Value.self) { return answer }
        return try await next(context)
    }

    @usableFromInline
    func draw<Value>(_ context: CallContext, as type: Value.Type) -> Value? {
        guard dice.strikes(context) else { return nil }
        let answer = answer(context) as? Value
        dice.tell(answer == nil ? .misfit : .outcome, context)
        return answer
    }
}
