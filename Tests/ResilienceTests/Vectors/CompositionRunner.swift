import ResilienceTesting

@testable import Resilience

/// Plays composition vectors through a real pipeline in virtual time.
struct CompositionRunner: PatternRunner {
    /// Serves a text where one is wanted.
    private struct ServeText: ConcurrentStrategy {
        let name = "fallback"
        let text: String

        func run<Value: Sendable>(
            _ context: CallContext, concurrently next: @Sendable (CallContext) async throws -> Value
        ) async throws -> Value {
            let ladder = Fallback<Value>(name).then("text") { error in
                guard let value = text as? Value else { throw error }
                return value
            }
            return try await ladder.run { try await next(context) }.value
        }
    }

    /// What layers tell.
    private enum Happening { case retry, hedge, timeout }

    private final class Held {
        let permit: Bulkhead.Permit
        init(_ permit: consuming Bulkhead.Permit) { self.permit = permit }
    }

    private let stage = Stage()
    private let happenings = Recorder<Happening>()
    private var pipeline = ErasedPipeline("pipeline", [])
    private var breaker: CircuitBreaker?
    private var held: [Held] = []

    init(_ config: Fields) throws {
        var layers: [any ConcurrentStrategy] = []
        for layer in try config.required("pipeline").list() {
            let members = try layer.members()
            guard let (name, settings) = members.first, members.count == 1 else {
                throw layer.wrong("one layer")
            }
            layers.append(try make(name, settings))
        }
        pipeline = ErasedPipeline("pipeline", layers)
    }

    private mutating func make(_ name: String, _ settings: Fields) throws -> any ConcurrentStrategy {
        let (time, spawner, happenings) = (stage.strategies, stage.spawner, happenings)
        switch name {
        case "retry": return try retry(settings)
        case "breaker":
            let breaker = try breaker(settings)
            self.breaker = breaker
            return breaker
        case "bulkhead":
            let limit = try settings.required("limit").int()
            let bulkhead = Bulkhead("bulkhead", policy: BulkheadPolicy(limit: limit), time: time)
            for _ in 0..<(try settings.int("in_use") ?? 0) { held.append(Held(try bulkhead.tryEnter())) }
            return bulkhead
        case "rate":
            let policy = RateLimitPolicy(
                permits: try settings.required("permits").int(),
                per: try settings.required("period_ms").duration(), algorithm: .cycles, maximumWait: .zero)
            return RateLimiter("rate", policy: policy, time: time)
        case "timeout_ms":
            return Timeout(
                "timeout", after: try settings.duration(), time: time, spawner: spawner,
                onEvent: { _ in happenings.record(.timeout) })
        case "hedge":
            let policy = HedgePolicy(
                delay: .fixed(try settings.required("delay_ms").duration()),
                maximumHedges: try settings.int("max_hedges") ?? 1)
            return Hedge(
                "hedge", policy: policy, time: time, spawner: spawner,
                onEvent: { event in if event.isAllowed { happenings.record(.hedge) } })
        case "fallback": return ServeText(text: try settings.text())
        default: throw Unsupported("\(settings.path): unknown")
        }
    }

    /// Retries whatever fails, rejections of all kinds included.
    private func retry(_ settings: Fields) throws -> any ConcurrentStrategy {
        var most = RetryPolicy().maximumAttempts
        if settings.has("max_retries") { most = try settings.int("max_retries").map { $0 + 1 } }
        let happenings = happenings
        return Retry(
            "retry", policy: RetryPolicy(maximumAttempts: most, backoff: Backoff(base: .zero, jitter: .none)),
            time: stage.strategies, chance: Chance(seed: 1),
            onEvent: { event in if case .retry = event.step { happenings.record(.retry) } }
        ).judging { $0 is CancellationError || $0 is PlayedAttempts.Endless ? .accept : .retry() }
    }

    private func breaker(_ settings: Fields) throws -> CircuitBreaker {
        let failures = try settings.int("failures") ?? 1
        var policy = CircuitBreakerPolicy(
            window: .calls(try settings.int("of") ?? failures), failureRate: nil,
            open: .init(
                first: try settings.duration("open_ms") ?? .seconds(60), multiplier: 1, maximum: .unbounded,
                jitter: 0, decay: nil))
        policy.failureCount = failures
        return CircuitBreaker(
            "breaker", policy: policy, time: stage.strategies, chance: Chance(seed: 1))
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        guard op == "run" else { throw Unsupported("\(step.path).op: unknown") }
        var script = try step["outcomes"]?.outcomes().map { PlayedAttempt($0) } ?? []
        script += try step.list("attempts")?.map { try PlayedAttempt($0) } ?? []
        let attempts = PlayedAttempts(script, stage), ends = Recorder<Instant>(), begin = stage.now
        let before = happenings.events.count, (pipeline, stage) = (pipeline, stage)
        let result = try stage.run { () async throws -> String in
            defer { ends.record(stage.now) }
            return try await pipeline.run { () async throws -> String in
                let number = try await attempts.run()
                if case .value(let word)? = attempts.line(number)?.outcome { return word }
                return "success"
            }
        }
        var seen = shown(result, attempts.all, Array(happenings.events.dropFirst(before)))
        seen["finish_ms"] = ends.events.last.map { JSON($0.since(begin)) }
        return seen
    }

    private func shown(
        _ result: Result<String, any Error>, _ attempts: PlayedAttempts.Seen, _ happenings: [Happening]
    ) -> [String: JSON] {
        let retries = happenings.count { $0 == .retry }, hedges = happenings.count { $0 == .hedge }
        var shown: [String: JSON] = [
            "attempts": JSON(1 + retries + hedges), "retries": JSON(retries), "hedges": JSON(hedges),
            "executions": JSON(attempts.starts.count),
            "timeouts": JSON(happenings.count { $0 == .timeout }),
            "cancelled": .list(attempts.cancelled.sorted().map { JSON($0) }), "error": .null,
        ]
        switch result {
        case .success(let text): shown["result"] = .string(text)
        case .failure(let error):
            shown["result"] = .string("failure")
            shown["error"] = .string(Self.word(error))
        }
        if let snapshot = breaker?.snapshot {
            shown["breaker_failures"] = JSON(snapshot.failures)
            shown["breaker_successes"] = JSON(snapshot.calls - snapshot.failures)
            shown["breaker_state"] = .string(snapshot.state.rawValue)
        }
        return shown
    }

    private static func word(_ error: any Error) -> String {
        switch error {
        case let rejection as Rejection: rejection.reason.rawValue
        case let error as PlayedError: error.word
        case is CancellationError: "cancelled"
        default: "\(error)"
        }
    }
}
