import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct AdaptiveRetryTests {
    private enum Failure: Error, Equatable { case busy, broken, wrong }
    private typealias Adaptive = AdaptiveRetry<String>
    private typealias Event = AdaptiveRetryEvent<String>

    private let clock = VirtualClock(), events = Recorder<Event>()
    private var time: TimeSource { TimeSource(clock) }

    private func retry(
        _ change: (inout AdaptiveRetryPolicy) -> Void = { _ in }, budget: RetryBudget? = nil
    ) -> Adaptive {
        var policy = AdaptiveRetryPolicy()
        change(&policy)
        return Adaptive(
            "retry", policy: policy, budget: budget, time: time, chance: Chance(seed: 1),
            onEvent: { [events] in events.record($0) }, classifying: { "\($0)" })
    }

    /// Two arms without a wait.
    private func atOnce(_ policy: inout AdaptiveRetryPolicy) {
        policy.arms = ["one", "two"].map { .init($0, Backoff(base: .zero)) }
    }

    @Test func `a failed call is made again and what helped is learned for its class`() async throws {
        let retry = retry { atOnce(&$0) }, attempts = Recorder<Int>()
        let value = try await retry.run { attempt in
            attempts.record(attempt)
            if attempt == 0 { throw Failure.busy }
            if attempt == 1 { throw Failure.broken }
            return "ok"
        }
        #expect(value == "ok" && attempts.events == [0, 1, 2])
        let learned = retry.statistics
        let known = Dictionary(uniqueKeysWithValues: learned.map { ($0.key, $0.arms[0]) })
        #expect(known["busy"].map { [$0.successes, $0.failures] } == [0, 1])
        #expect(known["broken"].map { [$0.successes, $0.failures] } == [1, 0])
        #expect(learned.flatMap { $0.arms.dropFirst() }.allSatisfy { $0.samples == 0 })
        #expect(
            events.events == [
                Event(
                    retry: "retry", key: "busy", arm: "one", ground: .fallback,
                    step: .retry(after: .zero, attempt: 1)),
                Event(
                    retry: "retry", key: "broken", arm: "one", ground: .fallback,
                    step: .retry(after: .zero, attempt: 2)),
            ])
    }

    @Test func `the last error comes through unchanged when the attempts are used up`() async {
        let retry = retry { policy in
            atOnce(&policy)
            policy.maximumAttempts = 2
        }
        await #expect(throws: Failure.broken) {
            try await retry.run { attempt in throw attempt == 0 ? Failure.busy : .broken }
        }
        #expect(events.events.last?.step == .stop(.attempts))
        #expect(retry.statistics.map(\.key) == ["busy"] && retry.statistics[0].arms[0].failures == 1)
    }

    @Test func `a first attempt that succeeds is not told and learns nothing`() async throws {
        let retry = retry()
        #expect(try await retry.run { $0 } == 0)
        #expect(events.events.isEmpty && retry.statistics.isEmpty)
    }

    // MARK: Waits

    @Test func `each arm's waits are its own, by the number of the retry`() {
        var policy = AdaptiveRetryPolicy()
        policy.arms = [.init("a", Backoff(base: .seconds(1), jitter: .none))]
        var machine = Adaptive.StateMachine(policy, chance: Chance(seed: 1))
        var call = machine.begin(startedAt: Instant(), deadline: nil)
        let steps = (0..<4).map { _ in machine.next(&call, key: "x", retryAfter: nil, at: Instant()).step }
        #expect(
            steps == [
                .retry(after: .seconds(1), attempt: 1), .retry(after: .seconds(2), attempt: 2),
                .retry(after: .seconds(4), attempt: 3), .stop(.attempts),
            ])
        #expect(machine.bandit.statistics(at: Instant()).first?.arms[0].samples == 3)
    }

    @Test func `what callers waited in all is the delay of the arm that succeeded`() throws {
        var policy = AdaptiveRetryPolicy()
        policy.arms = [.init("a", Backoff(base: .seconds(1), jitter: .none))]
        var machine = Adaptive.StateMachine(policy, chance: Chance(seed: 1))
        var call = machine.begin(startedAt: Instant(), deadline: nil)
        for _ in 0..<2 { _ = machine.next(&call, key: "x", retryAfter: nil, at: Instant()) }
        machine.settle(&call, succeeded: true, at: Instant())
        machine.settle(&call, succeeded: true, at: Instant())
        let arm = try #require(machine.bandit.statistics(at: Instant()).first).arms[0]
        #expect(arm.meanDelay == .milliseconds(750), "0.5 s and a tenth of the way to 3 s")
        #expect(arm.samples == 2, "a result counts once")
    }

    @Test func `a server that says when to come back is believed, and no arm is chosen`() {
        var machine = Adaptive.StateMachine(AdaptiveRetryPolicy(), chance: Chance(seed: 2))
        func decide(_ wish: Duration?) -> Adaptive.Decision {
            var call = machine.begin(startedAt: Instant(), deadline: nil)
            return machine.next(&call, key: "x", retryAfter: wish, at: Instant())
        }
        for _ in 0..<100 {
            let decision = decide(.seconds(7))
            guard case .retry(let wait, 1) = decision.step else {
                Issue.record("\(decision)")
                return
            }
            #expect(wait >= .seconds(7) && wait <= .seconds(7.3))
            #expect(decision.arm == nil && decision.ground == nil)
        }
        #expect(decide(.seconds(61)).step == .stop(.retryAfter))
        #expect(decide(.seconds(-1)).step == .stop(.retryAfter))
        #expect(decide(.seconds(Int64.max)).step == .stop(.retryAfter))
        #expect(machine.bandit.statistics(at: Instant()).isEmpty)
        #expect(decide(nil).arm == 0)
    }

    @Test func `a wish that is ignored or clamped leaves the choice to the bandit`() {
        for rule in [RetryPolicy.RetryAfter.ignored, .clamped(.milliseconds(5))] {
            var policy = AdaptiveRetryPolicy()
            policy.arms = [.init("a", Backoff(base: .seconds(1), jitter: .none))]
            policy.retryAfter = rule
            var machine = Adaptive.StateMachine(policy, chance: Chance(seed: 2))
            var call = machine.begin(startedAt: Instant(), deadline: nil)
            let decision = machine.next(&call, key: "x", retryAfter: .seconds(9), at: Instant())
            #expect(decision.arm == 0 && decision.ground == .fallback)
            #expect(
                decision.step
                    == .retry(after: rule == .ignored ? .seconds(1) : .milliseconds(1005), attempt: 1))
        }
    }

    @Test func `a wait that would reach the deadline is not begun, and is nobody's failure`() async {
        let retry = retry { $0.arms = [.init("a", Backoff(base: .seconds(2), jitter: .none))] }
        await #expect(throws: Failure.busy) {
            try await retry.run(deadline: Instant(sinceOrigin: .seconds(1))) { _ in throw Failure.busy }
        }
        #expect(events.events.map(\.step) == [.stop(.deadline)] && retry.statistics.isEmpty)
    }

    // MARK: What bounds it

    @Test func `a budget bounds retries, and one that it refuses is nobody's failure`() async {
        let budget = RetryBudget(.init(ratio: 0.1, minimumPerSecond: 0), time: time)
        let retry = retry(atOnce, budget: budget), attempts = Recorder<Int>()
        for _ in 0..<100 {
            _ = try? await retry.run { attempt in
                attempts.record(attempt)
                throw Failure.busy
            }
        }
        #expect(attempts.events.count == 110)
        #expect(events.events.contains { $0.step == .stop(.budget) })
        #expect(retry.statistics.first?.arms.map(\.samples) == [10, 0])
    }

    @Test func `a cancelled call is not retried, and nothing is learned from it`() async throws {
        let retry = retry { $0.arms = [.init("a", Backoff(base: .seconds(1), jitter: .none))] }
        let attempts = Recorder<Int>()
        let task = Task { [clock, time] in
            try await retry.run { attempt in
                attempts.record(attempt)
                if attempt == 0 { throw Failure.busy }
                try await time.sleep(for: .seconds(60))
                _ = clock
            }
        }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        await until { attempts.events.count >= 2 }
        await clock.untilSleepers(1)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(attempts.events == [0, 1] && retry.statistics.isEmpty)
    }

    @Test func `a breaker's refusal ends the retry and counts against the arm, another error does not`()
        async throws
    {
        let retry = retry(atOnce), open = Rejection(.circuitOpen, strategy: "breaker")
        await #expect(throws: open) {
            try await retry.run { attempt in
                if attempt == 0 { throw Failure.busy }
                throw open
            }
        }
        #expect(retry.statistics.first?.arms[0].failures == 1)
        let picky = retry.layer(judging: { $0 as? Failure == .wrong ? .accept : .retry() })
        await #expect(throws: Failure.wrong) {
            try await picky.run(CallContext()) { context in
                throw context.attempt == 0 ? Failure.broken : .wrong
            }
        }
        #expect(retry.statistics.map(\.key) == ["busy"])
    }

    // MARK: Layers

    @Test func `layers that classify in their own way learn into the same memory`() async throws {
        let retry = retry(atOnce)
        for target in ["a", "b"] {
            let pipeline = Pipeline { retry.layer(classifying: { "\(target) \($0)" }) }
            let value = try await pipeline.run { (context: CallContext) in
                if context.attempt == 0 { throw Failure.busy }
                return context.attempt
            }
            #expect(value == 1 && pipeline.layers.outline == [PipelineLayer("retry", .retry)])
        }
        #expect(Set(retry.statistics.map(\.key)) == ["a busy", "b busy"])
        let other = Adaptive("other", policy: retry.policy, time: time) { _ in nil }
        other.restore(retry.memory)
        #expect(Set(other.statistics.map(\.key)) == ["a busy", "b busy"])
    }

    @Test func `a failure without a class is retried by the fallback and not learned from`() async throws {
        let retry = retry(atOnce)
        let value = try await retry.layer(classifying: { _ in nil }).run(CallContext()) { context in
            if context.attempt == 0 { throw Failure.busy }
            return 7
        }
        #expect(value == 7 && retry.statistics.isEmpty)
        #expect(events.events.map(\.arm) == ["one"] && events.events.map(\.ground) == [nil])
    }

    @Test func `without a classification failures are told apart by type and rejections by reason`()
        async throws
    {
        var policy = AdaptiveRetryPolicy()
        atOnce(&policy)
        let retry = AdaptiveRetry("retry", policy: policy, time: time)
        for error in [Failure.busy, Failure.broken, Rejection(.full, strategy: "x")] as [any Error] {
            _ = try await retry.run { if $0 == 0 { throw error } }
        }
        #expect(Set(retry.statistics.map(\.key)) == ["Failure", "full"])
    }

    @MainActor @Test func `it stays on the caller's actor and hands the attempt and the budget on`()
        async throws
    {
        let budget = RetryBudget(time: time), retry = retry(atOnce, budget: budget)
        final class Counter { var count = 0 }
        let counter = Counter()
        let pipeline = Pipeline { retry }
        let value = try await pipeline.run(CallContext(attempt: 5)) { (context: CallContext) in
            MainActor.assertIsolated()
            counter.count += 1
            #expect(context.attempt == counter.count - 1 && context.budget === budget)
            if context.attempt < 2 { throw Failure.busy }
            return counter.count
        }
        #expect(value == 3)
    }

    @Test func `a policy without arms has one, and one of too many keeps the first`() {
        var policy = AdaptiveRetryPolicy()
        policy.arms = []
        #expect(policy.withinRange.arms == [.fullJitter])
        policy.arms = (0..<100).map { AdaptiveRetryPolicy.Arm("\($0)", Backoff()) }
        #expect(policy.withinRange.arms == Array(policy.arms.prefix(64)))
    }
}
