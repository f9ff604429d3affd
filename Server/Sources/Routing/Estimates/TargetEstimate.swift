public import Generation
import Resilience

/// All that is learned of one target: how likely it is to answer, how quickly, and how much of its limit is left.
/// A decision: no clock, lock or task. Times are seconds on one clock.
public struct TargetEstimate: Sendable {
    /// How an attempt ended.
    public enum Result: Sendable, Hashable {
        /// With an answer, `perToken` seconds for each token after the first; nil if that is not known.
        case answered(perToken: Double?)
        /// With an answer that came as a whole after so many seconds, of so many tokens if that is known.
        case answeredWhole(after: Double, tokens: Int?)
        /// With a failure after so many seconds.
        case failed(after: Double)
        /// Because nothing came within a limit for the first token of so many seconds.
        case nothingCame(within: Double)
        /// The limit of the provider refused it.
        case refused(retryAfter: Double)
        /// In a way that says nothing of the target, such as a request that is wrong.
        case ignored
    }

    /// An attempt that runs.
    private struct Pending: Hashable {
        var id: UInt64
        var began: Double
    }

    /// The most running attempts that are watched for being late; more are counted by nobody.
    private static let mostPending = 128
    private static let lateDeviations = 2.8

    /// How likely it is to answer.
    public internal(set) var success = SuccessEstimate()
    /// How long its first token takes.
    public private(set) var firstToken: TimeEstimate
    /// How long each token after the first takes.
    public private(set) var perToken: TimeEstimate
    /// How much of its limit is left.
    public internal(set) var headroom: HeadroomEstimate
    /// The time to the first token as `least_latency` sees it.
    private var peak: PeakEWMA
    /// Seconds that an attempt which fails usually takes.
    public private(set) var timeLost = 0.5
    /// In the order in which they began.
    private var pending: [Pending] = []
    private var given: UInt64 = 0
    /// Seconds after which an attempt without its first token is late.
    private var lateAfter: Double
    /// When it was last asked, or first judged if it never was.
    private var askedAt: Double?

    /// Creates an estimate.
    ///
    /// - Parameters:
    ///   - limit: What its provider allows, if that is known.
    ///   - firstToken: What to expect before anything was seen, in seconds. Default: 0.7.
    ///   - perToken: The same for each token after the first. Default: 0.02.
    public init(limit: RateLimit? = nil, firstToken: Double = 0.7, perToken: Double = 0.02) {
        let time = TimeEstimate(median: firstToken, residual: 0.09)
        (self.firstToken, lateAfter) = (time, time.late(Self.lateDeviations))
        self.perToken = TimeEstimate(median: perToken, residual: 0.04)
        peak = PeakEWMA(initial: .seconds(firstToken), at: Instant())
        headroom = HeadroomEstimate(limit)
    }

    /// Goes on with times that were learned before. Nil is for what was not.
    mutating func resume(firstToken: TimeEstimate?, perToken: TimeEstimate?, timeLost: Double?) {
        self.firstToken = firstToken ?? self.firstToken
        self.perToken = perToken ?? self.perToken
        self.timeLost = timeLost ?? self.timeLost
        lateAfter = self.firstToken.late(Self.lateDeviations)
    }

    // MARK: Learning

    /// An attempt begins.
    ///
    /// - Returns: What to name it by.
    public mutating func began(at seconds: Double) -> UInt64 {
        headroom.take(at: seconds)
        askedAt = seconds
        given &+= 1
        if pending.count < Self.mostPending { pending.append(Pending(id: given, began: seconds)) }
        return given
    }

    /// Nothing of its answer is seen before the end, so that it cannot be late.
    public mutating func unwatch(_ id: UInt64) { forget(id) }

    /// The same estimate without the attempts that run, whose ends will be told to the one that saw them begin.
    public var settled: TargetEstimate {
        var settled = self
        settled.pending = []
        return settled
    }

    /// Another limit is configured; nil for none. Nothing is used of it yet.
    public mutating func reconfigure(_ limit: RateLimit?) { headroom = HeadroomEstimate(limit) }

    /// Its first token came after so many seconds.
    public mutating func firstToken(of id: UInt64, after time: Double, at seconds: Double) {
        forget(id)
        learn(firstToken: time, at: seconds)
    }

    private mutating func learn(firstToken time: Double, at seconds: Double) {
        firstToken.note(time, at: seconds)
        lateAfter = firstToken.late(Self.lateDeviations)
        peak.observe(nanoseconds: time * 1e9, at: Self.nanoseconds(seconds))
    }

    private static func nanoseconds(_ seconds: Double) -> Int64 { Int64(max(0, min(seconds, 9e9)) * 1e9) }

    /// It has ended.
    ///
    /// - Parameter limit: What the response says of the provider's limit; nil if it says nothing.
    public mutating func ended(
        _ id: UInt64, _ result: Result, of shape: RequestShape, limit: RateLimitNotice? = nil,
        at seconds: Double
    ) {
        forget(id)
        switch result {
        case .ignored: return
        case .refused(let wait): headroom.refused(retryAfter: wait, at: seconds)
        case .answered(let time):
            headroom.answered(limit, at: seconds)
            if let time { perToken.note(time, at: seconds) }
            success.note(true, for: shape, at: seconds)
        case .answeredWhole(let time, let tokens):
            headroom.answered(limit, at: seconds)
            learn(whole: time, tokens: tokens, at: seconds)
            success.note(true, for: shape, at: seconds)
        case .failed(let time):
            if limit != nil { headroom.answered(limit, at: seconds) }
            lost(time)
            success.note(false, for: shape, at: seconds)
        case .nothingCame(let time):
            lost(time)
            // Only a short limit says that it was slow; a long one that it hung, and what hangs has no speed.
            if time <= 4.01 { firstToken.noteLonger(than: time, at: seconds) }
            lateAfter = firstToken.late(Self.lateDeviations)
            peak.observe(nanoseconds: time * 1e9, at: Self.nanoseconds(seconds))
            success.note(false, for: shape, at: seconds)
        }
    }

    /// It was given up after so many seconds, since another one was quicker or the caller left.
    ///
    /// - Parameter wasSilent: Whether something of the answer could have come by then, and had not.
    public mutating func givenUp(
        _ id: UInt64, after time: Double, wasSilent: Bool, of shape: RequestShape, at seconds: Double
    ) {
        forget(id)
        guard wasSilent, time > firstToken.late(2) else { return }
        success.note(false, weight: 0.5, for: shape, at: seconds)
    }

    /// Its breaker has closed: it has come back.
    public mutating func recovered() { success.recovered() }

    /// How long the first token of a whole answer took cannot be seen: both times are taken to be off by the same factor.
    private mutating func learn(whole time: Double, tokens: Int?, at seconds: Double) {
        let count = Double(max(1, tokens ?? 100)), first = firstToken.expected(), each = perToken.expected()
        let factor = time / max(1e-6, first + count * each)
        learn(firstToken: first * factor, at: seconds)
        if tokens != nil { perToken.note(each * factor, at: seconds) }
    }

    private mutating func lost(_ time: Double) { timeLost += 0.2 * (min(time, 10) - timeLost) }

    private mutating func forget(_ id: UInt64) {
        if let index = pending.firstIndex(where: { $0.id == id }) { pending.remove(at: index) }
    }

    // MARK: Prediction

    /// The seconds for so many tokens by the latest peak of the time to the first one, which is soon forgotten.
    public func peakTime(of output: Double, at seconds: Double) -> Double {
        peak.nanoseconds(at: Self.nanoseconds(seconds)) * 1e-9 + output * perToken.expected()
    }

    /// Seconds until its limit has room; 0 if it has, as far as is known.
    public mutating func roomAfter(at seconds: Double) -> Double { headroom.wait(at: seconds) }

    /// Seconds since it was last asked, or since this was first wanted to be known if it never was.
    mutating func unasked(at seconds: Double) -> Double {
        guard let askedAt else {
            askedAt = seconds
            return 0
        }
        return max(0, seconds - askedAt)
    }

    /// The attempts that have not brought their first token, as far as they are watched.
    public var running: Int { pending.count }

    /// The attempts that should have brought their first token by now.
    @inline(__always)
    public func overdue(at seconds: Double) -> Int {
        let latest = seconds - lateAfter
        guard let oldest = pending.first, oldest.began < latest else { return 0 }
        return pending.prefix { $0.began < latest }.count
    }
}
