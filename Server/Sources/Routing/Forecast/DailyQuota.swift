/// The requests that a provider allows in a day, and those that were made since the last renewal. A decision: no clock, lock
/// or task. Moments are seconds since 1970.
public struct DailyQuota: Sendable, Hashable {
    /// What is allowed, and when it is renewed.
    public struct Terms: Sendable, Hashable {
        /// The requests of a day. Range: 1 or more.
        public var requests: Int
        /// When it is renewed, in minutes after midnight UTC. Range: 0 to 1439. Default: 0.
        public var renewalMinute: Int

        /// Creates terms. What is outside of a range counts as its nearer end.
        public init(requests: Int, renewalMinute: Int = 0) {
            self.requests = max(1, requests)
            self.renewalMinute = min(1439, max(0, renewalMinute))
        }
    }

    /// What was used of the day that began at a moment, to be written to a file and gone on with later.
    public struct Count: Sendable, Hashable, Codable {
        /// When the day began.
        public var began: Double
        /// The requests since then.
        public var used: Int
    }

    private static let day = 86_400.0
    /// More are not counted.
    private static let most = 1 << 50

    /// What is allowed, and when it is renewed.
    public let terms: Terms
    private var count: Count

    /// Creates a quota of which nothing is used, or what is known to be used of the day that a moment is in.
    ///
    /// - Parameter known: What was counted until then; of another day, or of the future, it says nothing.
    public init(_ terms: Terms, goingOnWith known: Count? = nil, at seconds: Double) {
        self.terms = terms
        let began = Self.begin(terms, at: seconds)
        count = Count(began: began, used: 0)
        if let known, known.began >= began, known.began <= seconds {
            count.used = min(Self.most, max(0, known.used))
        }
    }

    /// A request is made.
    public mutating func take(at seconds: Double) {
        renew(at: seconds)
        count.used = min(Self.most, count.used + 1)
    }

    /// A request did not count after all, since it was refused or did not arrive. Of an earlier day it is forgotten.
    ///
    /// - Parameter moment: When it was made.
    public mutating func giveBack(madeAt moment: Double, at seconds: Double) {
        renew(at: seconds)
        if moment >= count.began { count.used = max(0, count.used - 1) }
    }

    /// What was used, as of a moment.
    public func count(at seconds: Double) -> Count {
        var later = self
        later.renew(at: seconds)
        return later.count
    }

    /// Seconds until a request is allowed; 0 if one is now.
    public func wait(at seconds: Double) -> Double {
        count(at: seconds).used < terms.requests ? 0 : max(0, renewal(after: seconds) - seconds)
    }

    /// When it will be renewed.
    public func renewal(after seconds: Double) -> Double { count(at: seconds).began + Self.day }

    /// A clock that is set back renews nothing.
    private mutating func renew(at seconds: Double) {
        let began = Self.begin(terms, at: seconds)
        if began > count.began { count = Count(began: began, used: 0) }
    }

    /// When the day began that a moment is in.
    private static func begin(_ terms: Terms, at seconds: Double) -> Double {
        let shift = Double(terms.renewalMinute) * 60
        return Double(WeekClock.number(of: seconds - shift, each: day)) * day + shift
    }
}
