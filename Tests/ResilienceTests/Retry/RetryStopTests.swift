import ResilienceTesting
import Testing

@testable import Resilience

/// Why a call is not made again, as it is told.
@Suite struct RetryStopTests {
    private struct Failed: Error, Equatable {}

    /// A retry of some kind that tells its steps.
    struct Kind: Sendable, CustomTestStringConvertible {
        typealias Events = EventBuffer<any ResilienceEvent>
        typealias Call = @Sendable (@escaping @Sendable (Int) async throws -> Int) async throws -> Int

        let name: String
        /// Makes a call, by a retry with this wait, that accepts an error if it is to.
        let call: @Sendable (_ wait: Duration, _ accepts: Bool, TimeSource, Events) -> Call

        var testDescription: String { name }
    }

    private static func retry(_ wait: Duration, _ time: TimeSource, _ events: Kind.Events) -> Retry {
        Retry(
            "test", policy: RetryPolicy(backoff: Backoff(base: wait, growth: .constant, jitter: .none)),
            time: time, onEvent: events.record)
    }

    private static let kinds: [Kind] = [
        Kind(name: "Retry.run") { wait, accepts, time, events in
            let retry = retry(wait, time, events)
            return { operation in
                try await retry.run(judging: { result in
                    accepts ? .accept : Retry.judge(result)
                }) { try await operation($0) }
            }
        },
        Kind(name: "a layer") { wait, accepts, time, events in
            let layer = retry(wait, time, events).judging { accepts ? .accept : Retry.judgeOfLayer($0) }
            return { operation in try await layer.run(CallContext()) { try await operation($0.attempt) } }
        },
        Kind(name: "a layer within a quota") { wait, accepts, time, events in
            let layer = retry(wait, time, events).within(RetryQuota()) {
                accepts ? .accept : Retry.judgeOfLayer($0)
            }
            return { operation in try await layer.run(CallContext()) { try await operation($0.attempt) } }
        },
        Kind(name: "an adaptive layer") { wait, accepts, time, events in
            var policy = AdaptiveRetryPolicy()
            policy.arms = [.init("only", Backoff(base: wait, growth: .constant, jitter: .none))]
            let layer = AdaptiveRetry("test", policy: policy, time: time, onEvent: events.record)
                .layer { accepts ? .accept : Retry.judgeOfLayer($0) }
            return { operation in try await layer.run(CallContext()) { try await operation($0.attempt) } }
        },
    ]

    private let clock = VirtualClock()
    private let events = EventBuffer<any ResilienceEvent>(from: .debug)

    private func call(_ kind: Kind, wait: Duration = .seconds(1), accepts: Bool = false) -> Kind.Call {
        kind.call(wait, accepts, TimeSource(clock), events)
    }

    /// The steps that were told, with how much they trouble.
    private func told() -> [String] {
        events.drain().map { event in
            let step = (event as? RetryEvent)?.step ?? (event as? AdaptiveRetryEvent<String>)?.step
            return "\(step.map(Self.word) ?? "?") \(event.severity)"
        }
    }

    private static func word(_ step: Retry.Step) -> String {
        switch step {
        case .retry: "retry"
        case .stop(let reason): reason.rawValue
        }
    }

    @Test(arguments: kinds)
    func `a call that is cancelled while it waits is told`(kind: Kind) async {
        let call = call(kind)
        let task = Task { try await call { _ in throw Failed() } }
        await clock.untilSleepers(1)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(told() == ["retry warning", "cancelled debug"])
    }

    @Test(arguments: kinds)
    func `a call that is cancelled during an attempt is told, and its error is the caller's`(kind: Kind) async
    {
        let call = call(kind)
        let task = Task {
            try await call { _ in
                withUnsafeCurrentTask { $0?.cancel() }
                throw Failed()
            }
        }
        await #expect(throws: Failed.self) { try await task.value }
        #expect(told() == ["cancelled debug"])
    }

    @Test(arguments: kinds)
    func `a call that ends by its cancellation is told`(kind: Kind) async {
        let call = call(kind)
        let task = Task {
            try await call { _ in
                withUnsafeCurrentTask { $0?.cancel() }
                throw CancellationError()
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(told() == ["cancelled debug"])
    }

    @Test(arguments: kinds)
    func `an error that is not worth a retry is told, the first one too`(kind: Kind) async {
        let call = call(kind, accepts: true)
        await #expect(throws: Failed.self) { _ = try await call { _ in throw Failed() } }
        #expect(told() == ["unhandled debug"])
    }

    @Test(arguments: kinds)
    func `nothing is told of a call that succeeds`(kind: Kind) async throws {
        let call = call(kind)
        #expect(try await call { _ in 5 } == 5)
        let cancelled = Task {
            try await call { _ in
                withUnsafeCurrentTask { $0?.cancel() }
                return 6
            }
        }
        #expect(try await cancelled.value == 6)
        #expect(told().isEmpty)
    }

    @Test func `a value that was worth a retry is the caller's when that was cancelled`() async throws {
        let retry = Self.retry(.zero, TimeSource(clock), events)
        let task = Task {
            try await retry.run(judging: { (_: Result<Int, any Error>) in .retry() }) { _ in
                withUnsafeCurrentTask { $0?.cancel() }
                return 7
            }
        }
        #expect(try await task.value == 7)
        #expect(told() == ["cancelled debug"])
    }

    @Test func `an error after a retry that is not worth another one is told`() async {
        let pipeline = Pipeline { Self.retry(.zero, TimeSource(clock), events) }
        let attempts = Recorder<Int>()
        await #expect(throws: Rejection(.circuitOpen, strategy: "inner")) {
            try await pipeline.run { (context: CallContext) in
                attempts.record(context.attempt)
                if context.attempt == 0 { throw Failed() }
                throw Rejection(.circuitOpen, strategy: "inner")
            }
        }
        #expect(attempts.events == [0, 1] && told() == ["retry warning", "unhandled debug"])
    }

    @Test(arguments: kinds)
    func `permits that can never be there are asked for once`(kind: Kind) async {
        let limiter = RateLimiter("limiter", policy: RateLimitPolicy(permits: 2), time: TimeSource(clock))
        let call = kind.call(.zero, false, TimeSource(clock), events), asked = Recorder<Int>()
        guard kind.name != "Retry.run" else { return }
        await #expect(throws: Rejection(.exceedsLimit, strategy: "limiter")) {
            _ = try await call { attempt in
                asked.record(attempt)
                try limiter.acquire(permits: 3)
                return attempt
            }
        }
        #expect(asked.events == [0] && told() == ["unhandled debug"])
    }

    @MainActor @Test(arguments: kinds)
    func `a retry without wait lets others run`(kind: Kind) async {
        let order = Recorder<String>(), call = call(kind, wait: .zero)
        let other = Task { @MainActor in order.record("other") }
        _ = try? await call { attempt in
            order.record("attempt \(attempt)")
            throw Failed()
        }
        await other.value
        #expect(order.events.first == "attempt 0" && order.events.last != "other")
    }
}
