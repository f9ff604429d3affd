import Generation
import Resilience
import Routing

/// What one attempt teaches about its target: told once, whatever the way out. Lives as long as the attempt.
final class Lesson {
    private let health: TargetHealth
    private let chooser: Chooser?
    private let candidate: Int
    private let isProbe: Bool
    private var observation: TargetHealth.Observation
    private var isOver = false
    private var firstToken: Instant?

    /// Begins with the attempt.
    ///
    /// - Parameter chooser: Who chose the target, if the route's strategy learns; then what is learned may also open its
    ///   breaker.
    init(
        _ health: TargetHealth, _ shape: RequestShape, _ chooser: Chooser?, candidate: Int, isProbe: Bool,
        at now: Instant
    ) {
        self.health = health
        self.chooser = chooser
        self.candidate = candidate
        self.isProbe = isProbe
        observation = health.observe(shape, at: now)
    }

    /// The first meaningful part of the answer has come.
    func noteFirstToken(at now: Instant) {
        guard firstToken == nil else { return }
        firstToken = now
        health.noteFirstToken(&observation, at: now)
    }

    /// A probe was settled as a success.
    func probeSucceeded(at now: Instant) {
        if isProbe { chooser?.selector.probeSucceeded(at: candidate, at: now) }
    }

    /// It ended in an answer of so many tokens, if that is known.
    func answered(tokens: Int?, at now: Instant) {
        guard !isOver else { return }
        isOver = true
        guard let firstToken else { return health.noteWholeAnswer(observation, tokens: tokens, at: now) }
        let each = tokens.flatMap { $0 > 1 ? now.since(firstToken) / ($0 - 1) : nil }
        health.noteAnswer(observation, perToken: each, at: now)
    }

    /// It failed.
    func failed(_ failure: AttemptFailure, _ conduct: Conduct, at now: Instant) {
        guard !isOver else { return }
        isOver = true
        health.noteFailure(
            observation, failure, counts: conduct.countsAgainstBreaker, trips: chooser != nil, at: now)
    }

    /// Nobody waits for it any more, unless it has ended before.
    func close(at now: Instant) {
        guard !isOver else { return }
        isOver = true
        health.noteGivingUp(observation, at: now)
    }
}
