import Foundation

extension World {
    /// What an attempt comes to when nobody gives it up.
    public enum Outcome: Sendable, Hashable {
        /// The rate limit refuses it after ``World/rejectionTime``, with the seconds after which it may come again.
        case rejected(retryAfter: Double)
        /// The provider fails after so many seconds.
        case serverError(after: Double)
        /// Nothing ever comes.
        case hang
        /// The provider refuses the request as the caller's mistake, after ``World/badRequestTime``.
        case badRequest
        /// An answer, with the seconds until its first token and until its end. One that is not valid is of no use to the
        /// caller, but is paid for.
        case answer(firstToken: Double, total: Double, isValid: Bool)

        /// Seconds until the attempt ends; infinite for a hang.
        public var total: Double {
            switch self {
            case .rejected: World.rejectionTime
            case .serverError(let seconds): seconds
            case .hang: .infinity
            case .badRequest: World.badRequestTime
            case .answer(_, let total, _): total
            }
        }

        /// Seconds until the first token; infinite for a hang, and 0 for what ends without an answer.
        public var firstToken: Double {
            switch self {
            case .rejected, .serverError, .badRequest: 0
            case .hang: .infinity
            case .answer(let firstToken, _, _): firstToken
            }
        }
    }

    /// An attempt's outcome and what its head says about the rate limit.
    public struct Attempt: Sendable, Hashable {
        /// What it comes to.
        public let outcome: Outcome
        /// What is left of the provider's burst. Range: 0 ... 1, or more while an incident raises the limit; 0 when the
        /// limit refused the attempt.
        public let remainingShare: Double
    }

    /// Seconds until a rate limit refuses.
    public static let rejectionTime = 0.08
    /// Seconds until a bad request is refused.
    public static let badRequestTime = 0.15
    /// The longest wait that a rate limit asks for, in seconds.
    public static let longestRetryAfter = 30.0

    /// Tries a request at a provider: takes a token from its bucket and looks up what happens.
    ///
    /// Does not count the attempt as in flight; see ``begin(at:)``, which belongs after this.
    ///
    /// - Parameters:
    ///   - request: The index of one of ``requests``.
    ///   - provider: The index of one of the scenario's providers.
    ///   - time: Seconds since the scenario's beginning, at or after the time of the last attempt at this provider.
    public mutating func attempt(of request: Int, at provider: Int, time: Double) -> Attempt {
        let asked = requests[request]
        let now = conditions(at: provider, time: time, input: asked.input)
        let random = nextTry(of: request, at: provider)
        let tokens = sites[provider].refill(at: time, limitMultiple: now.limitMultiple)
        guard tokens >= 1 else {
            let wait = (1 - tokens) / (sites[provider].rateLimit * now.limitMultiple)
            return Attempt(
                outcome: .rejected(retryAfter: min(Self.longestRetryAfter, wait)), remainingShare: 0)
        }
        sites[provider].tokens = tokens - 1
        return Attempt(
            outcome: asked.isBad
                ? .badRequest : sites[provider].outcome(now, random, output: Double(asked.output)),
            remainingShare: (tokens - 1) / sites[provider].burst)
    }

    /// The luck of the next attempt of a request at a provider.
    ///
    /// From its 65th on, an attempt has the luck of one at the next provider: the format has it so.
    @inline(__always)
    private mutating func nextTry(of request: Int, at provider: Int) -> CounterRandom {
        let slot = request * sites.count + provider, number = tries[slot]
        if number < .max { tries[slot] = number + 1 }
        return CounterRandom(
            seed: seed, stream: .attempts, UInt64(request), UInt64(provider) * 64 + UInt64(number))
    }
}

extension World.Site {
    /// Fills the bucket for the time that has passed.
    ///
    /// - Returns: The tokens that are in it now.
    @inline(__always)
    fileprivate mutating func refill(at time: Double, limitMultiple: Double) -> Double {
        let capacity = max(1, burst * limitMultiple)
        tokens = min(capacity, tokens + (time - refilled) * rateLimit * limitMultiple)
        refilled = time
        return tokens
    }

    /// What becomes of an attempt that the rate limit let through.
    @inline(__always)
    fileprivate func outcome(
        _ now: World.Conditions, _ random: CounterRandom, output: Double
    ) -> World.Outcome {
        let fate = random.unit(0), error = now.errorShare
        let fails = fate < error
        if !fails, fate < error + (1 - error) * now.hangShare { return .hang }
        let spread = CounterRandom.normals(random.unit(1), random.unit(2))
        if fails { return .serverError(after: 0.3 * exp(0.6 * spread.0)) }
        let load = 1 + max(0, Double(inFlight) - softConcurrency) / softConcurrency
        var firstToken = firstTokenMedian * now.firstTokenMultiple * exp(firstTokenSigma * spread.0) * load
        if random.unit(3) < tailShare { firstToken *= tailMultiple }
        let perToken = tokenMedian * now.tokenMultiple * exp(tokenSigma * spread.1) * load
        return .answer(
            firstToken: firstToken, total: firstToken + output * perToken,
            isValid: random.unit(4) >= now.invalidShare)
    }
}
