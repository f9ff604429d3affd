import Resilience

extension Tour {
    /// A cache that loads once for many, and serves old values while loading fails.
    static func oldValues() async throws {
        title("A cache in front of a service that goes down")
        let service = Service(seed: seed), time = TimeSource()
        var policy = CachePolicy(freshFor: .milliseconds(80), staleIfError: .seconds(60))
        policy.jitter = 0
        policy.pauseAfterFailure = .milliseconds(50)
        let cache = Cache<String, Int>(policy: policy)
        @Sendable func ask(_ what: String) async throws {
            let answer = try await cache.answer(for: "price") { _ in try await service.ask() }
            print("  \(what): value \(answer.value)\(answer.isStale ? ", an old one" : "")")
        }

        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask { _ = try await cache.value(for: "price") { _ in try await service.ask() } }
            }
            try await group.waitForAll()
        }
        print("  50 questions at once: \(service.calls) call")
        service.failureRate = 1
        try await time.sleep(for: .milliseconds(100))
        try await ask("the service is down ")
        service.failureRate = 0
        try await time.sleep(for: .milliseconds(100))
        try await ask("the service is back ")
    }
}
