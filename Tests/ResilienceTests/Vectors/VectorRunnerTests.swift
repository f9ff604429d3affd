import Testing

@testable import Resilience

/// The runner itself: it refuses what it does not know, and forgets nothing between two steps.
@Suite struct VectorRunnerTests {
    /// A vector in few words.
    private static func vector(
        _ pattern: String, _ config: String, _ steps: String, _ expected: String,
        status: String = "core", more: String = ""
    ) throws -> Vector {
        try Vector(
            """
            {"id": "x", "pattern": "\(pattern)", "title": "", "status": "\(status)", "config": \(config),
             "steps": [\(steps)], "expected": [\(expected)]\(more)}
            """)
    }

    private static func run(
        _ pattern: String, _ config: String, _ steps: String, _ expected: String,
        status: String = "core", more: String = ""
    ) throws -> Verdict {
        VectorRunner.run(try vector(pattern, config, steps, expected, status: status, more: more))
    }

    /// Whether it was refused, with a reason that names the path.
    private func isRefused(_ verdict: Verdict, _ path: String) -> Bool {
        if case .refused(let reasons) = verdict { reasons.contains { $0.hasPrefix(path) } } else { false }
    }

    // MARK: Words

    @Test(arguments: [
        ("teleporter", "{}", #"{"op": "acquire"}"#, #"{"after": 0, "permitted": true}"#, "pattern"),
        ("circuit_breaker", "{}", #"{"op": "levitate"}"#, #"{"after": 0, "permitted": true}"#, "steps[0].op"),
        (
            "circuit_breaker", #"{"colour": "red"}"#, #"{"op": "acquire"}"#,
            #"{"after": 0, "permitted": true}"#, "config.colour"
        ),
        (
            "circuit_breaker", #"{"half_open": {"colour": "red"}}"#, #"{"op": "acquire"}"#,
            #"{"after": 0, "permitted": true}"#, "config.half_open.colour"
        ),
        (
            "circuit_breaker", "{}", #"{"op": "acquire", "politely": true}"#,
            #"{"after": 0, "permitted": true}"#, "steps[0].politely"
        ),
        (
            "circuit_breaker", "{}", #"{"op": "acquire"}"#, #"{"after": 0, "mood": "good"}"#,
            "expected[0].mood"
        ),
        (
            "circuit_breaker", "{}", #"{"op": "acquire"}"#, #"{"after": 1, "permitted": true}"#,
            "expected[0].after"
        ),
        ("circuit_breaker", "{}", #"{"op": "acquire"}"#, #"{"after": 0}"#, "expected[0]"),
        ("circuit_breaker", "{}", #"{"op": "acquire"}"#, "", "expected"),
        (
            "hedging", "{}", #"{"op": "run", "attempts": [{"duration_ms": 0, "mood": "good"}]}"#,
            #"{"after": 0, "executions": 1}"#, "steps[0].attempts[0].mood"
        ),
        (
            "composition", #"{"pipeline": [{"retry": {"max_retries": 1}, "breaker": {"failures": 1}}]}"#,
            #"{"op": "run", "outcomes": ["success"]}"#, #"{"after": 0, "executions": 1}"#,
            "config.pipeline[0]"
        ),
    ])
    func `a word that nobody knows is refused by its path`(
        pattern: String, config: String, step: String, expected: String, path: String
    ) throws {
        let verdict = try Self.run(pattern, config, step, expected)
        #expect(isRefused(verdict, path), "\(verdict)")
    }

    @Test func `a vector's own members are known, and its status`() throws {
        let (step, expected) = (#"{"op": "acquire"}"#, #"{"after": 0, "permitted": true}"#)
        #expect(try Self.run("circuit_breaker", "{}", step, expected) == .passed)
        #expect(
            try Self.run("circuit_breaker", "{}", step, expected, more: #", "note": "", "source": {}"#)
                == .passed)
        #expect(
            isRefused(
                try Self.run("circuit_breaker", "{}", step, expected, more: #", "mood": "good""#), "mood"))
        #expect(isRefused(try Self.run("circuit_breaker", "{}", step, expected, status: "hearsay"), "status"))
    }

    @Test func `what a vector that is decided otherwise says must be known as well`() throws {
        var vector = try Self.vector(
            "circuit_breaker", "{}", #"{"op": "force", "state": "half_open"}"#,
            #"{"after": 0, "state": "closed"}"#)
        vector.id = "cb-016"
        #expect(VectorRunner.run(vector) == .passed)
        vector.expected = [.object(["after": .number(0), "mood": .string("good")])]
        #expect(isRefused(VectorRunner.run(vector), "expected[0].mood"))
    }

    // MARK: Values

    /// One wrong value each, in a vector that passes without it.
    @Test(arguments: [
        ("adaptive_throttle", #"{"formula": "alchemy"}"#, "config.formula"),
        ("adaptive_throttle", #"{"K": "two"}"#, "config.K"),
        ("adaptive_throttle", #"{"formula": "failsafe", "K": 2}"#, "config.K"),
        ("hedging", #"{"delay_quantile": "most"}"#, "config.delay_quantile"),
        ("hedging", #"{"window": 30}"#, "config.window"),
        ("hedging", #"{"warmup": 20}"#, "config.warmup"),
        ("hedging", #"{"delay_quantile": 0.9, "window": 1.5}"#, "config.window"),
        ("hedging", #"{"accept": "anything"}"#, "config.accept"),
        ("circuit_breaker", #"{"open_ms": "soon"}"#, "config.open_ms"),
        ("circuit_breaker", #"{"open_boundary": "about"}"#, "config.open_boundary"),
        ("circuit_breaker", #"{"open_generator_ms": "0 sometimes"}"#, "config.open_generator_ms"),
        ("circuit_breaker", #"{"cancelled_probe": "explode"}"#, "config.cancelled_probe"),
        ("circuit_breaker", #"{"window": {"type": "oval"}}"#, "config.window.type"),
        ("circuit_breaker", #"{"window": {"type": "count", "bucket_ms": 5}}"#, "config.window.bucket_ms"),
        ("circuit_breaker", #"{"half_open": {"mode": "guess"}}"#, "config.half_open.mode"),
        (
            "circuit_breaker", #"{"half_open": {"mode": "single", "permits": 4}}"#,
            "config.half_open.permits"
        ),
        ("retry", #"{"handle": "most results"}"#, "config.handle"),
        ("retry", #"{"backoff": "wild"}"#, "config.backoff"),
        ("retry", #"{"delay_ms": "later"}"#, "config.delay_ms"),
        (
            "composition", #"{"pipeline": [{"breaker": {"failures": 1, "open_ms": "soon"}}]}"#,
            "config.pipeline"
        ),
        (
            "composition", #"{"pipeline": [{"hedge": {"delay_ms": 5, "max_hedges": "many"}}]}"#,
            "config.pipeline"
        ),
        ("composition", #"{"pipeline": [{"rate": {"permits": 5}}]}"#, "config.pipeline"),
        ("rate_limiter", #"{"type": "smooth", "interval_ms": 5, "permits": 3}"#, "config.permits"),
        ("rate_limiter", #"{"type": "smooth", "interval_ms": 5, "unit": "yards"}"#, "config.unit"),
        ("adaptive_concurrency", #"{"algorithm": "aimd", "probe": "off"}"#, "config.probe"),
        ("adaptive_concurrency", #"{"algorithm": "vegas", "probe": "maybe"}"#, "config.probe"),
        ("retry_budget", #"{"type": "piggy bank"}"#, "config.type"),
        ("retry_budget", #"{"type": "token", "capacity": 3}"#, "config.capacity"),
        ("backoff", #"{"type": "constant", "jitter": "wild"}"#, "config.jitter"),
        ("bulkhead", #"{"limit": 2, "queue": "long"}"#, "config.queue"),
        ("cache", #"{"single_flight": "often"}"#, "config.single_flight"),
        ("batching", #"{"preferred": [4, "many"]}"#, "config.preferred[1]"),
        ("load_balancing", #"{"consecutive": true}"#, "config.consecutive"),
        ("token_bucket", #"{"rate_per_s": -1}"#, "config.rate_per_s"),
    ])
    func `a setting that is not known or not read refuses the vector`(
        pattern: String, config: String, path: String
    ) throws {
        let (step, expected) = try #require(Self.harmless[pattern])
        let verdict = try Self.run(pattern, config, step, expected)
        #expect(isRefused(verdict, path), "\(verdict)")
    }

    /// A step of each pattern, and something that is seen after it.
    private static let harmless: [String: (String, String)] = [
        "adaptive_throttle": (#"{"op": "inspect"}"#, #"{"after": 0, "rejection": 0}"#),
        "hedging": (
            #"{"op": "run", "attempts": [{"duration_ms": 0, "outcome": "success"}]}"#,
            #"{"after": 0, "executions": 1}"#
        ),
        "circuit_breaker": (#"{"op": "acquire"}"#, #"{"after": 0, "permitted": true}"#),
        "retry": (#"{"op": "run", "outcomes": ["success"]}"#, #"{"after": 0, "executions": 1}"#),
        "composition": (#"{"op": "run", "outcomes": ["success"]}"#, #"{"after": 0, "executions": 1}"#),
        "rate_limiter": (#"{"op": "try"}"#, #"{"after": 0, "allowed": true}"#),
        "adaptive_concurrency": (#"{"op": "inspect"}"#, #"{"after": 0, "limit": 20}"#),
        "retry_budget": (#"{"op": "withdraw"}"#, #"{"after": 0, "allowed": false}"#),
        "backoff": (#"{"op": "delay", "attempt": 0}"#, #"{"after": 0, "delay_ms": 0}"#),
        "bulkhead": (#"{"op": "start"}"#, #"{"after": 0, "allowed": true}"#),
        "cache": (#"{"op": "peek"}"#, #"{"after": 0, "value": null}"#),
        "batching": (#"{"op": "inspect"}"#, #"{"after": 0, "sent": []}"#),
        "load_balancing": (#"{"op": "load"}"#, #"{"after": 0, "cost_ms": 1000}"#),
        "token_bucket": (#"{"op": "inspect"}"#, #"{"after": 0, "capacity": 1}"#),
    ]

    @Test(arguments: [
        ("retry", #"{"op": "run", "outcomes": ["success"], "cancel": "some day"}"#, "steps[0].cancel"),
        (
            "retry", #"{"op": "run", "outcomes": ["success"], "cancel": "during attempt 3"}"#,
            "steps[0].cancel"
        ),
        ("retry", #"{"op": "run", "outcomes": ["success"], "cancel": "during delay"}"#, "steps[0].cancel"),
        ("retry", #"{"op": "run", "outcomes": ["triumph"]}"#, "steps[0].outcomes[0]"),
        ("retry", #"{"op": "run", "outcomes": ["failure+retry_after_ms=soon"]}"#, "steps[0].outcomes[0]"),
        (
            "retry", #"{"op": "run", "outcomes": ["success"], "durations_ms": [0, 5]}"#,
            "steps[0].durations_ms"
        ),
        (
            "hedging",
            #"{"op": "run", "attempts": [{"duration_ms": 5}], "cancel": "during attempt 1"}"#,
            "steps[0].cancel"
        ),
        ("hedging", #"{"op": "run", "attempts": [{"duration_ms": 5}], "cancel": 0}"#, "steps[0].cancel"),
        (
            "hedging", #"{"op": "run", "attempts": [{"duration_ms": 0}], "cancel": "during delay"}"#,
            "steps[0]"
        ),
        ("hedging", #"{"op": "repeat", "attempts": [{"duration_ms": 0}], "times": -1}"#, "steps[0].times"),
        ("circuit_breaker", #"{"op": "call", "outcome": "triumph"}"#, "steps[0].outcome"),
        ("circuit_breaker", #"{"op": "force", "state": "ajar"}"#, "steps[0].state"),
        ("circuit_breaker", #"{"op": "force", "state": "closed", "for_ms": 5}"#, "steps[0].for_ms"),
        ("circuit_breaker", #"{"op": "finish", "id": "nobody", "outcome": "success"}"#, "steps[0].id"),
        ("circuit_breaker", #"{"op": "dispose", "id": "nobody"}"#, "steps[0].id"),
        ("circuit_breaker", #"{"op": "advance"}"#, "steps[0].ms"),
        ("bulkhead", #"{"op": "finish", "id": "nobody"}"#, "steps[0].id"),
        ("bulkhead", #"{"op": "cancel", "id": "nobody"}"#, "steps[0].id"),
        ("bulkhead", #"{"op": "start", "partition": "none"}"#, "steps[0].partition"),
        ("cache", #"{"op": "finish", "id": "nobody", "outcome": "success"}"#, "steps[0].id"),
        ("batching", #"{"op": "load_all", "keys": [1, 2], "results": {"1": "ok"}}"#, "steps[0].results.2"),
        ("batching", #"{"op": "load_all", "keys": [1], "results": "shrug"}"#, "steps[0].results"),
        ("retry_budget", #"{"op": "acquire_retry"}"#, "steps[0].op"),
        ("backoff", #"{"op": "delays", "attempts": "a few"}"#, "steps[0].attempts"),
        ("backoff", #"{"op": "delay", "attempt": 0, "throttled": true}"#, "steps[0].throttled"),
    ])
    func `a step's word that is not known or not read refuses the vector`(
        pattern: String, step: String, path: String
    ) throws {
        let expected = try #require(Self.harmless[pattern]).1
        let config = [
            "bulkhead": #"{"limit": 1}"#, "retry_budget": #"{"type": "token"}"#,
            "backoff": #"{"type": "constant"}"#,
        ]
        let verdict = try Self.run(pattern, config[pattern] ?? "{}", step, expected)
        #expect(isRefused(verdict, path), "\(verdict)")
    }

    // MARK: What is seen

    @Test func `what differs fails, and says where`() throws {
        let verdict = try Self.run(
            "circuit_breaker", "{}", #"{"op": "acquire"}"#, #"{"after": 0, "permitted": false, "calls": 0}"#)
        guard case .failed(let reasons) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(reasons.count == 1 && reasons[0].hasPrefix("expected[0].permitted"))
        // What a runner never shows cannot be compared.
        let unseen = try Self.run("cache", "{}", #"{"op": "peek"}"#, #"{"after": 0, "waiter": "success"}"#)
        guard case .failed = unseen else {
            Issue.record("\(unseen)")
            return
        }
    }

    @Test(arguments: [
        ("min_delay_ms", 100, true), ("min_delay_ms", 99, true), ("min_delay_ms", 101, false),
        ("max_delay_ms", 300, true), ("max_delay_ms", 301, true), ("max_delay_ms", 299, false),
    ])
    func `a bound is a bound of every delay`(key: String, bound: Int, holds: Bool) throws {
        let verdict = try Self.run(
            "backoff", #"{"type": "linear", "base_ms": 100, "max_retries": 3}"#,
            #"{"op": "run", "outcomes": ["failure"]}"#, #"{"after": 0, "\#(key)": \#(bound)}"#)
        #expect((verdict == .passed) == holds, "\(verdict)")
    }

    @Test func `a ceiling is exact where it is no bound`() throws {
        let config = #"{"algorithm": "cubic", "w_max": 10}"#, step = #"{"op": "inspect"}"#
        let exact = try Self.run("adaptive_concurrency", config, step, #"{"after": 0, "w_max": 10}"#)
        #expect(exact == .passed)
        let more = try Self.run("adaptive_concurrency", config, step, #"{"after": 0, "w_max": 11}"#)
        #expect(more != .passed)
    }

    // MARK: What steps share

    /// The second step sees what the first one did.
    @Test(arguments: [
        (
            "backoff", #"{"type": "decorrelated", "base_ms": 100}"#,
            #"{"op": "delay", "attempt": 0, "random": 1}, {"op": "delay", "attempt": 1, "random": 1}"#,
            #"{"after": 0, "delay_ms": 300}, {"after": 1, "delay_ms": 900}"#
        ),
        (
            "composition", #"{"pipeline": [{"breaker": {"failures": 2, "of": 2}}]}"#,
            #"{"op": "run", "outcomes": ["failure"]}, {"op": "run", "outcomes": ["failure"]}"#,
            #"{"after": 0, "breaker_state": "closed"}, {"after": 1, "breaker_state": "open"}"#
        ),
        (
            "hedging", #"{"delay_quantile": 0.5, "window": 3, "warmup": 3}"#,
            """
            {"op": "repeat", "times": 3, "attempts": [{"duration_ms": 5, "outcome": "success"}]},
            {"op": "run", "attempts": [{"duration_ms": 9, "outcome": "success", "value": 1}]}
            """,
            #"{"after": 0, "hedges": 0}, {"after": 1, "hedges_delta": 1, "start_ms": [0, 5]}"#
        ),
        (
            "retry_budget", #"{"type": "grpc", "max_tokens": 4, "token_ratio": 0.5}"#,
            """
            {"op": "rpc", "outcome": "failure"}, {"op": "rpc", "outcome": "failure"},
            {"op": "rpc", "outcome": "success", "times": 2}
            """,
            """
            {"after": 0, "tokens": 3, "retry_allowed": true}, {"after": 1, "tokens": 2, "retry_allowed": false},
            {"after": 2, "tokens": 3, "retry_allowed": true}
            """
        ),
        (
            "batching", #"{"max_batch": 3, "max_delay_ms": 10}"#,
            #"{"op": "add", "n": 2}, {"op": "add", "n": 2}, {"op": "advance", "ms": 10}"#,
            #"{"after": 0, "sent": []}, {"after": 1, "sent": [3]}, {"after": 2, "sent": [3, 1]}"#
        ),
    ])
    func `steps share what the vector is about`(
        pattern: String, config: String, steps: String, expected: String
    ) throws {
        #expect(try Self.run(pattern, config, steps, expected) == .passed)
    }

    // MARK: Cancellation

    @Test func `a cancelled caller is cancelled where the vector says`() throws {
        let attempt = try Self.run(
            "retry", #"{"max_retries": 3, "delay_ms": 100}"#,
            #"{"op": "run", "outcomes": ["failure"], "durations_ms": [50], "cancel": "during attempt 1"}"#,
            #"{"after": 0, "executions": 2, "delays_ms": [100], "result": "cancelled"}"#)
        #expect(attempt == .passed)
        let delay = try Self.run(
            "retry", #"{"max_retries": 3, "delay_ms": 100}"#,
            #"{"op": "run", "outcomes": ["failure"], "cancel": "during delay"}"#,
            #"{"after": 0, "executions": 1, "on_retry_called": true, "result": "cancelled"}"#)
        #expect(delay == .passed)
        let hedge = try Self.run(
            "hedging", #"{"delay_ms": 10, "max_hedges": 1}"#,
            #"{"op": "run", "attempts": [{"duration_ms": 50}], "cancel": "during attempt 1"}"#,
            #"{"after": 0, "executions": 2, "cancelled": [0, 1], "error": "cancelled", "finish_ms": 10}"#)
        #expect(hedge == .passed)
    }
}
