// An app in plain Swift 6, without any upcoming feature, that uses each strategy once.
import Resilience

struct Failed: Error {}

/// A strategy of the app's own. Where the module does not make `nonisolated(nonsending)` its default, it is spelled out.
struct Counted: ResilienceStrategy {
    let name: String

    nonisolated(nonsending) func run<Value>(
        _ context: CallContext, _ next: nonisolated(nonsending) (CallContext) async throws -> Value
    ) async throws -> Value {
        used.append(name)
        return try await next(context)
    }
}

var lines = 0
nonisolated(unsafe) var used: [String] = []

/// Runs one call and says what it brought.
@MainActor func use(_ name: String, _ call: () async throws -> Int) async throws {
    guard try await call() == 7 else { throw Failed() }
    lines += 1
    print(name)
}

func answer(_ attempt: Int = 0) async throws -> Int {
    if attempt == 0 { throw Failed() }
    return 7
}

// In place, on the caller's actor: what they capture need not be sendable.
let breaker = CircuitBreaker("breaker"), budget = RetryBudget(), quick = Backoff(base: .milliseconds(1))
try await use("CircuitBreaker") { try await breaker.run { 7 } }
try await use("CircuitBreakerRegistry") { try await CircuitBreakerRegistry<String>()["a"].run { 7 } }
try await use("Retry") {
    try await Retry("retry", policy: RetryPolicy(backoff: quick), budget: budget).run { try await answer($0) }
}
try await use("AdaptiveRetry") {
    try await AdaptiveRetry<String>("adaptive") { _ in "failed" }.run { try await answer($0) }
}
try await use("Bulkhead") { try await Bulkhead("bulkhead").run { 7 } }
try await use("RateLimiter") { try await RateLimiter("limiter").run { 7 } }
try await use("ConcurrencyLimiter") {
    try await Pipeline { ConcurrencyLimiter("limiter").timed() }.run { 7 }
}
try await use("SendRateLimiter") {
    try await Pipeline { SendRateLimiter("sends", throttledBy: { _ in false }) }.run { 7 }
}
try await use("AdaptiveThrottle") { try await Pipeline { AdaptiveThrottle("throttle") }.run { 7 } }
try await use("Deadline") { try await Pipeline { Deadline("deadline", after: .seconds(5)) }.run { 7 } }
try await use("LoadBalancer") {
    let choice = try LoadBalancer("replicas", targets: ["a", "b"]).pick()
    choice.success()
    return 7
}
try await use("ChaosFault") {
    let chaos = ChaosFault("chaos", policy: ChaosPolicy(rate: 1), fault: { $0.attempt == 0 ? Failed() : nil })
    return try await Pipeline {
        Retry("retry", policy: RetryPolicy(backoff: quick))
        chaos
    }.run { 7 }
}
try await use("Fallback") {
    try await Fallback<Int>("ladder").then("seven") { _ in 7 }.run { try await answer() }.value
}

// In tasks of their own.
try await use("Timeout") { try await Timeout("timeout", after: .seconds(5)).run { 7 } }
try await use("Hedge") { try await Hedge("hedge").run { try await answer($0 + 1) } }
let cache = Cache<Int, Int>()
try await use("Cache") { try await cache.value(for: 6) { $0 + 1 } }
let batcher = Batcher<Int, Int>("squares") { items in items.map { $0 + 1 } }
try await use("Batcher") { try await batcher.submit(6) }
try await batcher.close()

// Together.
let pipeline = Pipeline {
    Deadline("deadline", after: .seconds(5))
    Retry("retry", policy: RetryPolicy(backoff: quick), budget: budget)
    breaker
    Counted(name: "counted")
    Timeout("attempt", after: .seconds(1))
}
try await use("Pipeline") { try await pipeline.runInTask { try await answer($0.attempt) } }
try await use("ErasedPipeline") {
    try await ErasedPipeline("erased", [breaker, Counted(name: "counted")]).run { 7 }
}
guard used.count == 3 else { throw Failed() }
print("\(lines) strategies")
