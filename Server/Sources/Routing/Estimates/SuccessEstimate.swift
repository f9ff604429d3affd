#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How likely a target is to give a useful answer: a Beta distribution whose evidence fades towards a prior, begins anew
/// when the share of failures has changed, and is refined for long prompts. A decision: no clock, lock or task.
public struct SuccessEstimate: Sendable, Hashable {
    /// Successes and failures, by their weight.
    public struct Evidence: Sendable, Hashable, Codable {
        /// The successes.
        public var successes: Double
        /// The failures.
        public var failures: Double

        /// The share of successes.
        public var share: Double { successes / (successes + failures) }
        /// How much was seen.
        public var amount: Double { successes + failures }

        mutating func scale(by factor: Double) {
            successes *= factor
            failures *= factor
        }

        mutating func cap(at most: Double) {
            if amount > most { scale(by: most / amount) }
        }
    }

    /// What is assumed of a target that was never asked: 98 % with the weight of five requests.
    public static let prior = Evidence(successes: 4.9, failures: 0.1)
    /// Seconds in which half of the evidence is forgotten.
    private static let halfLife = 300.0
    private static let decay = 0.693_147_180_559_945_3 / halfLife
    /// The most evidence that is kept, in requests.
    static let most = 40.0
    /// The weight of the target's own share beside that of a class of requests, in requests.
    private static let shrinkage = 6.0

    private var all = Self.prior
    /// For requests with a short and with a long prompt.
    private(set) var short = Evidence(successes: 0, failures: 0), long = Evidence(successes: 0, failures: 0)
    /// In seconds.
    private var updated = 0.0
    private var detector = ChangeDetector()
    /// Failures since the last success.
    public private(set) var consecutiveFailures = 0
    /// How often the share of failures was found to have changed.
    public private(set) var changes = 0

    /// Creates an estimate that knows nothing.
    public init() {}

    /// Creates an estimate that goes on with what was known at an earlier moment. Failures in a row are not known.
    ///
    /// - Parameter age: Seconds since that moment. Range: 0 or more.
    init(all: Evidence, short: Evidence, long: Evidence, age: Double, at seconds: Double) {
        (self.all, self.short, self.long) = (all, short, long)
        updated = seconds - age
        fade(to: seconds)
        detector.restart(level: min(0.95, 1 - self.all.share))
    }

    /// The estimate for all requests, as it was at the last look.
    public var overall: Evidence { all }

    /// The estimate for requests like this one.
    ///
    /// - Parameters:
    ///   - overdue: Attempts that should have begun their answer by now, each of which counts as half a failure.
    ///   - seconds: The moment.
    public mutating func evidence(for shape: RequestShape, overdue: Int, at seconds: Double) -> Evidence {
        fade(to: seconds)
        let own = shape.isLong ? long : short, share = all.share
        var evidence = Evidence(
            successes: own.successes + Self.shrinkage * share,
            failures: own.failures + Self.shrinkage * (1 - share))
        evidence.scale(by: min(all.amount, evidence.amount + 8) / evidence.amount)
        evidence.failures += 0.5 * Double(overdue)
        return evidence
    }

    /// Learns from a result.
    ///
    /// - Parameter weight: How much it counts. Range: above 0 to 1.
    public mutating func note(
        _ succeeded: Bool, weight: Double = 1, for shape: RequestShape, at seconds: Double
    ) {
        fade(to: seconds)
        if weight == 1 { consecutiveFailures = succeeded ? 0 : consecutiveFailures + 1 }
        Self.add(weight, succeeded, to: &all)
        if shape.isLong {
            Self.add(weight, succeeded, to: &long)
        } else {
            Self.add(weight, succeeded, to: &short)
        }
        guard let alarm = detector.note(succeeded, weight: weight) else { return }
        changes += 1
        all = Evidence(
            successes: 0.5 + alarm.since.successes,
            failures: (alarm.isWorse ? 0.5 : 0.1) + alarm.since.failures)
        detector.restart(level: 1 - all.share)
        short.scale(by: 0.1)
        long.scale(by: 0.1)
    }

    /// Whether the target is so likely to fail that it should be left alone for a time.
    public var isFailing: Bool { all.share < 0.5 && consecutiveFailures >= 2 }

    /// The target has come back: what was known of its failing says nothing any more.
    public mutating func recovered() {
        all = Evidence(successes: Self.prior.successes, failures: Self.prior.failures + 0.3)
        (short, long) = (Evidence(successes: 0, failures: 0), Evidence(successes: 0, failures: 0))
        detector.restart(level: 0.05)
        consecutiveFailures = 0
    }

    private static func add(_ weight: Double, _ succeeded: Bool, to evidence: inout Evidence) {
        if succeeded { evidence.successes += weight } else { evidence.failures += weight }
        evidence.cap(at: most)
    }

    /// Forgets what has become old until a moment.
    mutating func fade(to seconds: Double) {
        guard seconds > updated else { return }
        let faded = (seconds - updated) * Self.decay
        // The first terms of the series, which are exact enough for as long as requests are apart.
        let rest = faded < 0.01 ? 1 - faded + faded * faded / 2 : exp(-faded)
        updated = seconds
        all.successes = Self.prior.successes + (all.successes - Self.prior.successes) * rest
        all.failures = Self.prior.failures + (all.failures - Self.prior.failures) * rest
        short.scale(by: rest)
        long.scale(by: rest)
    }
}
