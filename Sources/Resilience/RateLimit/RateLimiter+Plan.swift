extension RateLimiter {
    /// A policy in the numbers that the arithmetic needs, all within their ranges.
    struct Plan: Sendable, Hashable {
        /// The most permits of a period, a bucket or a request.
        static let mostPermits = 1 << 30
        /// The longest period, and the longest wait that is promised, in nanoseconds.
        static let longest: Int64 = 1 << 53
        /// The permits that a sliding window remembers one by one.
        static let mostExact = 1024

        let algorithm: RateLimitPolicy.Algorithm
        let permits: Int
        let period: Int64
        /// The permits that may pass at the same instant.
        let capacity: Int
        /// How far apart permits may be that a sliding window remembers together, in nanoseconds.
        let grain: Int64

        init(_ policy: RateLimitPolicy) {
            algorithm = policy.algorithm
            permits = min(max(1, policy.permits), Self.mostPermits)
            period = min(max(1, policy.period.nanosecondsRoundedUp), Self.longest)
            let bucket = min(max(1, policy.capacity ?? permits), Self.mostPermits)
            capacity = policy.algorithm == .tokenBucket ? bucket : permits
            grain = permits > Self.mostExact ? period / 64 : 0
        }
    }
}

extension Int64 {
    /// The sum; the largest number if it is larger.
    func saturatingSum(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other > 0 ? .max : .min) : sum
    }

    /// The product of two numbers that are not negative; the largest number if it is larger.
    func saturatingProduct(_ other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
