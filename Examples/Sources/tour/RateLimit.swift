import Resilience

extension Tour {
    /// Thirty calls at once through ten permits every 100 ms.
    static func rateLimit() async throws {
        title("Thirty calls at once, ten permits in any 100 ms")
        let policy = RateLimitPolicy(permits: 10, per: .milliseconds(100), algorithm: .slidingWindow)
        let limiter = RateLimiter("service", policy: policy), clock = ContinuousClock()
        let begin = clock.now
        try await withThrowingTaskGroup(of: Duration.self) { group in
            for _ in 0..<30 {
                group.addTask {
                    try await limiter.wait(upTo: .seconds(1))
                    return clock.now - begin
                }
            }
            var passed: [Int: Int] = [:]
            for try await time in group { passed[Int(time / .milliseconds(100)), default: 0] += 1 }
            for (slice, count) in passed.sorted(by: { $0.key < $1.key }) {
                print("  from \(slice * 100) ms: \(count) calls")
            }
        }
        do throws(Rejection) { try limiter.acquire() } catch {
            print(
                "  one that does not wait: \(error.reason.rawValue), again in \(error.retryAfter?.milliseconds ?? "no time")"
            )
        }
    }
}
