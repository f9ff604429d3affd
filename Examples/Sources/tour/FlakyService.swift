import Resilience

extension Tour {
    /// A service that is shaky, then down, then well again, behind a fallback, a deadline, a retry and a breaker.
    static func flakyService() async throws {
        title("A service that is shaky, then down, then well again")
        let service = Service(seed: seed), time = TimeSource()
        var policy = CircuitBreakerPolicy(window: .calls(20), failureRate: 0.5, minimumCalls: 10)
        policy.open = CircuitBreakerPolicy.OpenTime(first: .milliseconds(300))
        policy.open.jitter = 0
        let breaker = CircuitBreaker("service", policy: policy) { event in
            print("<\(event.to.rawValue)>", terminator: "")
        }
        let pipeline = Pipeline {
            Deadline("service", after: .seconds(1))
            Retry(
                "service", policy: RetryPolicy(backoff: Backoff(base: .milliseconds(5))),
                budget: RetryBudget(),
                chance: Chance(seed: seed))
            breaker
        }
        let ladder = Fallback<String>("answer")
            .then("last answer", handling: { $0 is Rejection }) { _ in "o" }
            .then("excuse") { _ in "f" }
        print(
            "  . answered at once   r after a retry   f failed, excuse served   o breaker open, old answer served"
        )

        for (name, failureRate, calls) in [("shaky", 0.2, 40), ("down", 1, 20), ("well", 0, 50)] {
            service.failureRate = failureRate
            print("  \(name), \(calls) calls: ", terminator: "")
            for _ in 0..<calls {
                let served = try await ladder.run {
                    try await pipeline.run { context in
                        _ = try await service.ask()
                        return context.attempt == 0 ? "." : "r"
                    }
                }
                print(served.value, terminator: "")
                try await time.sleep(for: .milliseconds(20))
            }
            print("")
        }
        print("  the service saw \(service.calls) calls for 110 questions")
    }
}
