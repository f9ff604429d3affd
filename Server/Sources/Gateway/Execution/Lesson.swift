public import Generation
public import Resilience
public import Routing
import Synchronization

/// What one attempt teaches: its target's breaker by its permit, and the estimates of the target. Told once, whatever the
/// way out. The gateway and the simulator use the same.
public final class Lesson: Sendable {
    private struct State: ~Copyable {
        var permit: CircuitBreaker.Permit?
        var firstToken: Instant?
        var showsFirstToken = true
        var isOver = false
    }

    /// Whether the attempt was let through to try a target that is left alone.
    public let isProbe: Bool
    private let health: TargetHealth
    private let shape: RequestShape
    private let selector: AdaptiveSelector?
    private let candidate: Int
    private let traits: RequestTraits?
    private let isAlone: Bool
    private let id: UInt64
    private let began: Instant
    private let state: Mutex<State>

    /// Begins with the attempt.
    ///
    /// - Parameters:
    ///   - selector: Who chose the target, if the route's strategy learns; then what is learned may also open its breaker.
    ///   - candidate: The target's index there.
    public convenience init(
        _ health: TargetHealth, _ shape: RequestShape, _ permit: consuming CircuitBreaker.Permit,
        selector: AdaptiveSelector?, candidate: Int, at now: Instant
    ) {
        self.init(
            health, shape, permit, selector: selector, candidate: candidate, traits: nil, isAlone: false,
            at: now)
    }

    /// - Parameters:
    ///   - traits: What a failure may be put down to; nil if it is the target's in any case.
    ///   - isAlone: Whether nobody else could be asked in its place, so that slowness is not held against it.
    init(
        _ health: TargetHealth, _ shape: RequestShape, _ permit: consuming CircuitBreaker.Permit,
        selector: AdaptiveSelector?, candidate: Int, traits: RequestTraits?, isAlone: Bool, at now: Instant
    ) {
        self.traits = traits
        self.isAlone = isAlone
        self.health = health
        self.shape = shape
        self.selector = selector
        self.candidate = candidate
        isProbe = permit.isProbe
        id = health.estimate.withLock { $0.began(at: now.seconds) }
        health.quota?.take(at: now)
        began = now
        state = Mutex(State(permit: permit))
    }

    // MARK: On the way

    /// The answer will come as a whole: that nothing is seen of it until then says nothing.
    public func expectNoFirstToken() {
        state.withLock { $0.showsFirstToken = false }
        health.estimate.withLock { $0.unwatch(id) }
    }

    /// Whether something of the answer should be here by now if the target is quick, and is not.
    public var awaitsFirstToken: Bool {
        state.withLock { $0.showsFirstToken && $0.firstToken == nil && !$0.isOver }
    }

    /// The first meaningful part of the answer has come.
    public func noteFirstToken(at now: Instant) {
        let isFirst = state.withLock { state in
            guard state.firstToken == nil, !state.isOver else { return false }
            state.firstToken = now
            return true
        }
        guard isFirst else { return }
        health.estimate.withLock {
            $0.firstToken(of: id, after: now.since(began).inSeconds, at: now.seconds)
        }
        health.learnPace { $0.note(firstToken: now.since(began)) }
    }

    /// A probe has shown that the target answers, before its answer is complete.
    public func probeAnswers(at now: Instant) {
        guard isProbe, settle(.success, took: now.since(began)) else { return }
        selector?.probeSucceeded(at: candidate, at: now)
    }

    // MARK: The end

    /// It ended in an answer.
    ///
    /// - Parameters:
    ///   - tokens: Those of the answer, if that is known.
    ///   - took: What counts as its duration for the breaker; nil for all of it.
    ///   - limit: What the response says of the provider's limit; nil if it says nothing.
    public func answered(
        tokens: Int?, took: Duration? = nil, limit: RateLimitNotice? = nil, at now: Instant
    ) {
        guard let firstToken = end() else { return }
        let isNews = settle(.success, took: took)
        if let firstToken {
            let each = tokens.map { max(1e-4, now.since(firstToken).inSeconds / Double(max(1, $0))) }
            note(.answered(perToken: each), limit, now)
        } else {
            note(.answeredWhole(after: now.since(began).inSeconds, tokens: tokens), limit, now)
        }
        if let traits { health.noteAnswer(traits, at: now) }
        if isProbe, isNews { selector?.probeSucceeded(at: candidate, at: now) }
    }

    /// It failed. Opens the breaker if the target is likely to go on failing.
    public func failed(
        _ failure: AttemptFailure, _ conduct: Conduct, limit: RateLimitNotice? = nil, at now: Instant
    ) {
        guard end() != nil else { return }
        let counts = conduct.countsAgainstBreaker && !isForgiven(failure)
        let verdict = counts ? verdict(on: failure, conduct, at: now) : .ignored
        let time = now.since(began).inSeconds
        // What a limit refused, or what never arrived, is used of no quota.
        if failure.kind == .rateLimit || failure.phase == .connect {
            health.quota?.giveBack(madeAt: began, at: now)
        }
        switch failure.kind {
        case .rateLimit:
            note(.refused(retryAfter: failure.retryAfter.map { $0.inSeconds } ?? 1), limit, now)
        case .timeout where failure.phase == .firstToken || failure.phase == .head:
            note(.nothingCame(within: time), limit, now)
        case .qualityFailure where failure.cause != "different_text": note(.failed(after: time), limit, now)
        default: note(verdict.isHeldAgainstTarget ? .failed(after: time) : .ignored, limit, now)
        }
        let isFailing =
            selector != nil && !isForgiven(failure) && health.estimate.withLock { $0.success.isFailing }
        if verdict == .trips || isFailing, health.breaker.readiness == .ready { health.breaker.open() }
        // After the opening, which the failure's wish to be left alone then lengthens.
        settle(verdict.isHeldAgainstTarget ? .failure(retryAfter: failure.retryAfter) : .ignored)
    }

    /// Whether it was only slow, and nobody else could have been asked in its place.
    private func isForgiven(_ failure: AttemptFailure) -> Bool {
        isAlone && failure.kind == .timeout && failure.requestWasSent
    }

    private func verdict(on failure: AttemptFailure, _ conduct: Conduct, at now: Instant)
        -> FailureRun.Verdict
    {
        guard let traits else { return .counts }
        let cause: FailureRun.Cause = failure.requestWasSent ? .request(traits) : .outage(traits.request)
        return health.noteFailure(cause, mayTrip: !isAlone || conduct.isWaitedOut(failure), at: now)
    }

    /// Another attempt has answered first. A probe that has brought nothing until then has shown that its target is not well.
    public func outrun(at now: Instant) {
        if isProbe, awaitsFirstToken { settle(.failure()) }
        close(at: now)
    }

    /// Nobody waits for it any more, unless it has ended before.
    public func close(at now: Instant) {
        let isSilent = awaitsFirstToken
        guard end() != nil else { return }
        settle(.ignored)
        let seconds = now.seconds, time = now.since(began).inSeconds
        health.estimate.withLock {
            $0.givenUp(id, after: time, wasSilent: isSilent, of: shape, at: seconds)
        }
    }

    /// - Returns: Nil if it is over already, else when the first token came, if it did.
    private func end() -> Instant?? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            state.isOver = true
            return .some(state.firstToken)
        }
    }

    /// - Returns: Whether the breaker had not been told before.
    @discardableResult
    private func settle(_ outcome: CircuitBreaker.Outcome, took: Duration? = nil) -> Bool {
        guard let permit = state.withLock({ $0.permit.take() }) else { return false }
        permit.settle(outcome, took: took)
        if isProbe, case .success = outcome { health.recovery.announce() }
        return true
    }

    private func note(_ result: TargetEstimate.Result, _ limit: RateLimitNotice?, _ now: Instant) {
        health.estimate.withLock { $0.ended(id, result, of: shape, limit: limit, at: now.seconds) }
    }
}
