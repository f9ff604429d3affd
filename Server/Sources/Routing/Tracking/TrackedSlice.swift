/// What happened in a slice of time.
struct TrackedSlice: Sendable, Hashable, Codable {
    var successes: UInt32 = 0
    /// By class of failure.
    var failures = SIMD16<UInt32>()
    var firstToken = LatencySketch()
    var total = LatencySketch()
    var inputTokens: UInt64 = 0
    var outputTokens: UInt64 = 0
    /// In dollars.
    var cost = 0.0
    var scores: UInt32 = 0
    var scoreSum = 0.0

    /// All failures.
    var failureCount: Double {
        failures.indices.reduce(0) { $0 + Double(failures[$1]) }
    }

    /// - Parameter buckets: Those of its times.
    mutating func note(
        _ outcome: PerformanceTracker.Outcome, buckets: (firstToken: Int?, total: Int?)
    ) {
        if let failure = outcome.failure {
            let index = min(PerformanceTracker.failureClasses - 1, max(0, failure))
            if failures[index] < .max { failures[index] += 1 }
        } else if successes < .max {
            successes += 1
        }
        firstToken.note(bucket: buckets.firstToken)
        total.note(bucket: buckets.total)
        inputTokens = Self.sum(inputTokens, outcome.inputTokens)
        outputTokens = Self.sum(outputTokens, outcome.outputTokens)
        if outcome.cost.isFinite, outcome.cost > 0 { cost += outcome.cost }
    }

    private static func sum(_ one: UInt64, _ other: Int) -> UInt64 {
        let (sum, overflow) = one.addingReportingOverflow(UInt64(max(0, other)))
        return overflow ? .max : sum
    }
}

/// Whether a short span of time was good.
struct UptimeMark: Sendable, Hashable, Codable {
    var requests: UInt32 = 0
    var successes: UInt32 = 0

    /// Whether more than half of the requests succeeded.
    var isUp: Bool { UInt64(successes) * 2 > UInt64(requests) }

    mutating func note(_ succeeded: Bool) {
        guard requests < .max else { return }
        requests += 1
        if succeeded { successes += 1 }
    }

    mutating func add(_ other: UptimeMark) {
        requests = Self.sum(requests, other.requests)
        successes = Self.sum(successes, other.successes)
    }

    private static func sum(_ one: UInt32, _ other: UInt32) -> UInt32 {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
