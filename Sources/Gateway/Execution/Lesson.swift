import Generation
import Resilience
import Routing
import Synchronization

/// What one attempt teaches about its target: told once, whatever the way out. Lives as long as the attempt.
final class Lesson: Sendable {
    private struct State {
        var observation: TargetHealth.Observation
        var isOver = false
        var firstToken: Instant?
    }

    private let health: TargetHealth
    private let chooser: Chooser?
    private let candidate: Int
    private let isProbe: Bool
    private let state: Mutex<State>

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
        state = Mutex(State(observation: health.observe(shape, at: now)))
    }

    /// Whether the first meaningful part of the answer has come.
    var hasFirstToken: Bool { state.withLock { $0.firstToken != nil } }

    /// The first meaningful part of the answer has come.
    func noteFirstToken(at now: Instant) {
        state.withLock { state in
            guard state.firstToken == nil, !state.isOver else { return }
            state.firstToken = now
            health.noteFirstToken(&state.observation, at: now)
        }
    }

    /// A probe was settled as a success.
    func probeSucceeded(at now: Instant) {
        if isProbe { chooser?.selector.probeSucceeded(at: candidate, at: now) }
    }

    /// It ended in an answer of so many tokens, if that is known.
    func answered(tokens: Int?, at now: Instant) {
        guard let (observation, firstToken) = end() else { return }
        guard let firstToken else { return health.noteWholeAnswer(observation, tokens: tokens, at: now) }
        let each = tokens.flatMap { $0 > 1 ? now.since(firstToken) / ($0 - 1) : nil }
        health.noteAnswer(observation, perToken: each, at: now)
    }

    /// It failed.
    func failed(_ failure: AttemptFailure, _ conduct: Conduct, at now: Instant) {
        guard let (observation, _) = end() else { return }
        health.noteFailure(
            observation, failure, counts: conduct.countsAgainstBreaker, trips: chooser != nil, at: now)
    }

    /// Nobody waits for it any more, unless it has ended before.
    func close(at now: Instant) {
        if let (observation, _) = end() { health.noteGivingUp(observation, at: now) }
    }

    /// - Returns: Nil if it is over already.
    private func end() -> (TargetHealth.Observation, Instant?)? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            state.isOver = true
            return (state.observation, state.firstToken)
        }
    }
}
