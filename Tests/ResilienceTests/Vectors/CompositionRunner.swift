import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// Plays composition vectors through a real pipeline on a virtual clock.
struct CompositionRunner: PatternRunner {
    private struct Failed: Error {}

    /// What the layers and the call were seen to do.
    private final class Log: Sendable {
        struct Seen {
            var attempts = 0, executions = 0, timeouts = 0
            var cancelled: [Int] = []
        }

        private let seen = Mutex(Seen())

        var all: Seen { seen.withLock { $0 } }

        func change<Result: Sendable>(_ body: (inout Seen) -> Result) -> Result {
            seen.withLock { body(&$0) }
        }
    }

    /// Counts what a layer outside asks for.
    private struct Count: ResilienceStrategy {
        let name = "count"
        let log: Log

        func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
            -> Value
        {
            log.change { $0.attempts += 1 }
            return try await next(context)
        }
    }

    /// Serves a text where one is wanted.
    private struct ServeText: ResilienceStrategy {
        let name = "fallback"
        let text: String

        func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
            -> Value
        {
            do { return try await next(context) } catch {
                guard let value = text as? Value else { throw error }
                return value
            }
        }
    }

    private let clock = VirtualClock()
    private let log = Log()
    private let pipeline: ErasedPipeline
    private let hasTimeout: Bool
    private var breaker: CircuitBreaker?
    private var held: [Held] = []

    /// Keeps a place in a bulkhead.
    private final class Held {
        let permit: Bulkhead.Permit
        init(_ permit: consuming Bulkhead.Permit) { self.permit = permit }
    }

    init(_ config: JSON) throws {
        var layers: [any ConcurrentStrategy] = []
        let time = TimeSource(clock)
        for layer in config["pipeline"]?.list ?? [] {
            for (name, settings) in layer.members ?? [:] {
                switch name {
                case "retry":
                    let policy = RetryPolicy(
                        maximumAttempts: (settings["max_retries"]?.int ?? 0) + 1,
                        backoff: Backoff(base: .zero, jitter: .none))
                    layers.append(Retry("retry", policy: policy, time: time).judging { _ in .retry() })
                    layers.append(Count(log: log))
                case "breaker":
                    let size = settings["of"]?.int ?? settings["failures"]?.int ?? 1
                    var policy = CircuitBreakerPolicy(window: .calls(size), failureRate: nil)
                    policy.failureCount = settings["failures"]?.int ?? 1
                    let made = CircuitBreaker("breaker", policy: policy, time: time)
                    breaker = made
                    layers.append(made)
                case "bulkhead":
                    let made = Bulkhead(
                        "bulkhead", policy: BulkheadPolicy(limit: settings["limit"]?.int ?? 1, queue: 0),
                        time: time)
                    for _ in 0..<(settings["in_use"]?.int ?? 0) { held.append(Held(try made.tryEnter())) }
                    layers.append(made)
                case "timeout_ms":
                    layers.append(Timeout("timeout", after: settings.milliseconds ?? .zero, time: time))
                case "fallback": layers.append(ServeText(text: settings.string ?? ""))
                default: throw Unsupported("layer \(name)")
                }
            }
        }
        hasTimeout = layers.contains { $0 is Timeout }
        pipeline = ErasedPipeline("pipeline", layers)
    }

    mutating func perform(_ op: String, _ step: JSON) async throws -> [String: JSON] {
        guard op == "run" else { throw Unsupported("operation \(op) of a composition") }
        let log = log, time = TimeSource(clock)
        let outcomes = step["outcomes"]?.list?.compactMap(\.string)
        let attempts = step["attempts"]?.list
        let running = Task { [pipeline] () -> Result<String, any Error> in
            do {
                return .success(
                    try await pipeline.run {
                        let number = log.change { seen in
                            seen.executions += 1
                            return seen.executions - 1
                        }
                        if let duration = attempts?[min(number, (attempts?.count ?? 1) - 1)]["duration_ms"]?
                            .milliseconds
                        {
                            do { try await time.sleep(for: duration) } catch {
                                log.change { $0.cancelled.append(number) }
                                throw error
                            }
                        }
                        let outcome = attempts.map {
                            $0[min(number, $0.count - 1)]["outcome"]?.string ?? "success"
                        }
                        guard (outcome ?? outcomes?[min(number, (outcomes?.count ?? 1) - 1)]) == "success"
                        else {
                            throw Failed()
                        }
                        return "success"
                    })
            } catch {
                return .failure(error)
            }
        }
        let result = await driven(running)
        return shown(result)
    }

    /// Moves the clock whenever everything waits for it.
    private func driven(_ running: Task<Result<String, any Error>, Never>) async -> Result<String, any Error>
    {
        let clock = clock, sleepers = hasTimeout ? 2 : 1
        let mover = Task {
            let end = ContinuousClock.now + .seconds(20)
            while !Task.isCancelled {
                if clock.sleepers >= sleepers { _ = clock.advanceToNextSleeper() }
                await Task.yield()
                if ContinuousClock.now > end {
                    Issue.record("the call does not end")
                    return running.cancel()
                }
            }
        }
        defer { mover.cancel() }
        return await running.value
    }

    private func shown(_ result: Result<String, any Error>) -> [String: JSON] {
        let seen = log.all
        var shown: [String: JSON] = [
            "attempts": .number(Double(seen.attempts)), "executions": .number(Double(seen.executions)),
            "timeouts": .number(Double(seen.cancelled.count)),
            "cancelled": .list(seen.cancelled.map { .number(Double($0)) }),
        ]
        switch result {
        case .success(let text): shown["result"] = .string(text)
        case .failure(let error):
            shown["result"] = .string("failure")
            if let rejection = error as? Rejection { shown["error"] = .string(rejection.reason.rawValue) }
        }
        if let snapshot = breaker?.snapshot {
            shown["breaker_failures"] = .number(Double(snapshot.failures))
            shown["breaker_state"] = .string(snapshot.state.rawValue)
        }
        return shown
    }
}
