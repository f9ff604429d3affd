public import Generation
public import Resilience
public import Routing
import Synchronization

extension TargetHealth {
    /// What strategies that learn have learned of a target. What was never seen is nil.
    public struct Learned: Sendable, Hashable {
        /// The estimated share of answers, and the requests that it is based on, the five that are assumed at first
        /// included.
        public let success, evidence: Double?
        /// The expected seconds until the first token, and for each token after it.
        public let firstToken, perToken: Double?
        /// The share of the provider's limit that is left; nil as long as no limit is known.
        public let headroom: Double?
        /// The limit that the provider's responses told; nil if they did not, or one is configured.
        public let limit: RateLimit?
        /// Attempts that should have brought their first token by now.
        public let overdue: Int
    }

    /// What is learned of it.
    public func learned(at now: Instant) -> Learned {
        let known = estimate.withLock { $0 }, seconds = now.seconds
        let unknown = TargetEstimate()
        var success = known.success, headroom = known.headroom
        // Looking lets what is old fade.
        _ = success.evidence(for: RequestShape(input: 0, output: 0), overdue: 0, at: seconds)
        let share = known.success.overall == unknown.success.overall ? nil : success.overall
        return Learned(
            success: share?.share, evidence: share?.amount,
            firstToken: known.firstToken == unknown.firstToken ? nil : known.firstToken.expected(),
            perToken: known.perToken == unknown.perToken ? nil : known.perToken.expected(),
            headroom: headroom.isKnown ? 1 - headroom.used(at: seconds) : nil,
            limit: known.headroom.learnedLimit, overdue: known.overdue(at: seconds))
    }
}

extension TargetHealth {
    /// How long its next answer will take.
    public struct NextAnswer: Sendable, Hashable {
        /// Until it begins; nil as long as nothing was seen.
        public let firstToken: LatencyForecast?
        /// Until it is whole; nil as long as its speed or the usual length is not known.
        public let whole: LatencyForecast?
    }

    /// How long its next answer will take.
    ///
    /// - Parameter tokens: How many tokens it will have; nil if that is not known.
    public func nextAnswer(tokens: Double?, at now: Instant) -> NextAnswer {
        let known = estimate.withLock { $0 }, seconds = now.seconds
        return NextAnswer(
            firstToken: known.firstTokenForecast(at: seconds),
            whole: tokens.flatMap { known.answerForecast(tokens: $0, at: seconds) })
    }
}
