#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
import Resilience

/// What the policies cost on the successful path and on refusal, on one thread: the median of five runs.
@main
struct Bench {
    private struct Failure: Error {}

    private static let calls = 200_000

    static func main() async throws { try await run() }

    /// Off the main actor, where calls of a server run.
    @concurrent
    private static func run() async throws {
        var bench = Bench()
        let open = OpenBreaker()
        let counted = CircuitBreaker(
            "counted", policy: CircuitBreakerPolicy(window: .calls(100), failureRate: 0.5))
        let timed = CircuitBreaker(
            "timed", policy: CircuitBreakerPolicy(window: .time(.seconds(30)), failureRate: 0.5))
        let retry = Retry("retry")
        let bulkhead = Bulkhead("bulkhead")

        try await bench.measure("bare async call", nil, "") { try await work() }
        try await bench.measure("breaker around an async call", 60, "exact window of 100 calls") {
            try await counted.run { try await work() }
        }
        try await bench.measure("breaker around an async call", nil, "window of 30 s") {
            try await timed.run { try await work() }
        }
        bench.measure("breaker refuses", 50, "open, with the time to wait", sync: { open.refuse() })
        try await bench.measure("retry around breaker", nil, "success at once, window of 100 calls") {
            try await retry.run { _ in try await counted.run { try await work() } }
        }
        try await bench.measure("bulkhead around an async call", nil, "free places") {
            try await bulkhead.run { try await work() }
        }
        bench.finish()
    }

    @inline(never)
    private static func work() async throws {}

    /// A breaker that refuses everything.
    private struct OpenBreaker {
        let breaker = CircuitBreaker("open")

        init() {
            breaker.open(for: .seconds(3600))
        }

        @inline(never)
        func refuse() {
            do throws(Rejection) {
                let permit = try breaker.admit()
                permit.settle(.success)
            } catch {
                precondition(error.retryAfter != nil)
            }
        }
    }

    // MARK: Measuring

    private var missed = 0

    /// Times `body` and compares the median with the target, in nanoseconds.
    @inline(__always)
    private mutating func measure(
        _ name: String, _ target: Double?, _ configuration: String, _ body: () async throws -> Void
    ) async throws {
        var times: [Double] = []
        let clock = ContinuousClock()
        for run in 0..<6 {
            let begin = clock.now
            for _ in 0..<Self.calls { try await body() }
            let nanoseconds = (clock.now - begin) / .nanoseconds(1) / Double(Self.calls)
            // The first run warms up.
            if run > 0 { times.append(nanoseconds) }
        }
        report(name, target, configuration, times)
    }

    /// The same for what does not suspend.
    @inline(__always)
    private mutating func measure(
        _ name: String, _ target: Double?, _ configuration: String, sync body: () -> Void
    ) {
        var times: [Double] = []
        let clock = ContinuousClock()
        for run in 0..<6 {
            let begin = clock.now
            for _ in 0..<Self.calls { body() }
            let nanoseconds = (clock.now - begin) / .nanoseconds(1) / Double(Self.calls)
            if run > 0 { times.append(nanoseconds) }
        }
        report(name, target, configuration, times)
    }

    private mutating func report(
        _ name: String, _ target: Double?, _ configuration: String, _ times: [Double]
    ) {
        let median = times.sorted()[times.count / 2]
        let isMissed = target.map { median > $0 } ?? false
        if isMissed { missed += 1 }
        let mark = target == nil ? "      " : isMissed ? "MISSED" : "ok    "
        let shown = "\((median * 10).rounded() / 10) ns"
        let bound = target.map { " (at most \(Int($0)) ns)" } ?? ""
        print("\(mark) \(name)\(configuration.isEmpty ? "" : ", \(configuration)"): \(shown)\(bound)")
    }

    private func finish() {
        print(missed == 0 ? "all targets met" : "\(missed) missed")
        if missed > 0 { exit(1) }
    }
}
