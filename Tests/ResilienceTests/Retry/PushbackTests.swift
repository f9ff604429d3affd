import ResilienceTesting
import Testing

@testable import Resilience

/// Waits that a server or the caller names.
@Suite struct PushbackTests {
    private struct Busy: Error, Equatable { var wait: Duration? }

    private let clock = VirtualClock()

    private static let doubling = Backoff(base: .seconds(1), jitter: .none)

    private static func machine(_ rule: RetryPolicy.RetryAfter, _ backoff: Backoff = doubling)
        -> Retry.StateMachine
    {
        Retry.StateMachine(
            RetryPolicy(maximumAttempts: 9, backoff: backoff, retryAfter: rule), startedAt: Instant())
    }

    @Test func `an exact pushback is the wait, and the series begins anew after it`() {
        var machine = Self.machine(.exact(ceiling: .seconds(60)))
        let wishes: [Duration?] = [nil, nil, .milliseconds(200), nil, nil, .seconds(40), .zero, nil]
        let steps = wishes.map { machine.next(retryAfter: $0, random: 0.5, at: Instant()) }
        let waits: [Duration] = [
            .seconds(1), .seconds(2), .milliseconds(200), .seconds(1), .seconds(2), .seconds(40), .zero,
            .seconds(1),
        ]
        #expect(steps == zip(waits, 1...).map { .retry(after: $0, attempt: $1) })
    }

    @Test func `an exact pushback begins a series with a memory anew`() {
        let backoff = Backoff(base: .seconds(1), jitter: .decorrelated)
        var machine = Self.machine(.exact(ceiling: .seconds(60)), backoff)
        for _ in 0..<3 { _ = machine.next(random: 1, at: Instant()) }
        _ = machine.next(retryAfter: .seconds(5), random: 1, at: Instant())
        let step = machine.next(random: 1, at: Instant())
        #expect(step == .retry(after: .seconds(3), attempt: 5))
    }

    @Test func `an exact pushback above the ceiling, or below zero, stops`() {
        for wish in [Duration.seconds(61), .seconds(-1), .nanoseconds(-1)] {
            var machine = Self.machine(.exact(ceiling: .seconds(60)))
            let step = machine.next(retryAfter: wish, random: 0, at: Instant())
            #expect(step == .stop(.retryAfter))
        }
    }

    @Test func `an exact pushback takes the place of the caller's wait too, and bears the longest time`() {
        var machine = Self.machine(.exact(ceiling: .seconds(Int64.max)))
        let steps = [
            machine.next(retryAfter: .seconds(3), delay: .seconds(9), random: 0, at: Instant()),
            machine.next(retryAfter: .seconds(Int64.max), random: 0, at: Instant()),
        ]
        #expect(
            steps == [.retry(after: .seconds(3), attempt: 1), .retry(after: .unbounded, attempt: 2)])
    }

    @Test func `a call waits exactly as long as the server says`() async throws {
        let told = Recorder<Retry.Step>(), time = TimeSource(clock)
        let retry = Retry(
            "test",
            policy: RetryPolicy(
                maximumAttempts: 4, backoff: Self.doubling, retryAfter: .exact(ceiling: .seconds(60))),
            time: time, onEvent: { told.record($0.step) })
        let wishes: [Duration?] = [nil, .milliseconds(10), nil]
        let call = Task {
            try await retry.run(
                judging: { (result: Result<Duration, any Error>) in
                    guard case .failure(let error as Busy) = result else { return .accept }
                    return .retry(after: error.wait)
                }
            ) { attempt -> Duration in
                guard attempt < 3 else { return clock.now.sinceOrigin }
                throw Busy(wait: wishes[attempt])
            }
        }
        for _ in 0..<3 {
            await clock.untilSleepers(1)
            clock.advanceToNextSleeper()
        }
        #expect(try await call.value == .milliseconds(2010))
        #expect(
            told.events == [
                .retry(after: .seconds(1), attempt: 1), .retry(after: .milliseconds(10), attempt: 2),
                .retry(after: .seconds(1), attempt: 3),
            ])
    }

    @Test func `an adaptive retry keeps to an exact pushback, and its arms begin anew`() async throws {
        var policy = AdaptiveRetryPolicy()
        policy.arms = [.init("doubling", Self.doubling)]
        policy.maximumAttempts = 5
        policy.retryAfter = .exact(ceiling: .seconds(60))
        let told = Recorder<AdaptiveRetryEvent<String>>(), time = TimeSource(clock)
        let retry = AdaptiveRetry(
            "test", policy: policy, time: time, chance: Chance(seed: 3), onEvent: told.record)
        let wishes: [Duration?] = [nil, nil, .milliseconds(10), nil]
        let layer = retry.layer { error in .retry(after: (error as? Busy)?.wait) }
        let call = Task {
            try await layer.run(CallContext()) { (context: CallContext) -> Void in
                guard context.attempt < 4 else { return }
                throw Busy(wait: wishes[context.attempt])
            }
        }
        for _ in 0..<4 {
            await clock.untilSleepers(1)
            clock.advanceToNextSleeper()
        }
        try await call.value
        let waits: [Duration] = [.seconds(1), .seconds(2), .milliseconds(10), .seconds(1)]
        #expect(told.events.map(\.step) == zip(waits, 1...).map { .retry(after: $0, attempt: $1) })
        #expect(told.events.map(\.arm) == ["doubling", "doubling", nil, "doubling"])
    }

    // MARK: The caller's own waits

    @Test func `a negative wait of the caller's falls back to the computed one`() async {
        let told = Recorder<Retry.Step>()
        let retry = Retry(
            "test", policy: RetryPolicy(maximumAttempts: 3, backoff: Self.doubling), time: TimeSource(clock),
            onEvent: { told.record($0.step) })
        let call = Task {
            try await retry.run(delay: { $0 == 1 ? .seconds(-1) : .milliseconds(5) }) { _ -> Void in
                throw Busy()
            }
        }
        for _ in 0..<2 {
            await clock.untilSleepers(1)
            clock.advanceToNextSleeper()
        }
        await #expect(throws: Busy()) { try await call.value }
        #expect(
            told.events == [
                .retry(after: .seconds(1), attempt: 1), .retry(after: .milliseconds(5), attempt: 2),
                .stop(.attempts),
            ])
    }

    @Test func `a negative delay of a hedge falls back to the policy's`() {
        func hedge(_ delay: Duration?) -> Hedge {
            Hedge(
                "test", policy: HedgePolicy(delay: .fixed(.milliseconds(300))), time: TimeSource(clock),
                delay: { _ in delay })
        }
        #expect(hedge(.seconds(-1)).delay(before: 1) == .milliseconds(300))
        #expect(hedge(nil).delay(before: 1) == .milliseconds(300))
        #expect(hedge(.zero).delay(before: 1) == .zero)
        #expect(hedge(.seconds(2)).delay(before: 1) == .seconds(2))
    }
}
