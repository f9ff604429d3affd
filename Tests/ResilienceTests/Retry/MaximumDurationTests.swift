import ResilienceTesting
import Testing

@testable import Resilience

/// The longest time for all attempts of a call, by whatever way it is retried.
@Suite struct MaximumDurationTests {
    private struct Failed: Error {}

    enum Way: CaseIterable {
        case run, layer, judgingLayer, share, adaptive, adaptiveLayer, judgingAdaptiveLayer
    }

    private typealias Attempt = @Sendable () async throws -> Void

    private static func call(_ way: Way, _ time: TimeSource, _ attempt: @escaping Attempt) async throws {
        let backoff = Backoff(base: .seconds(1), growth: .constant, jitter: .none)
        let retry = Retry(
            "retry",
            policy: RetryPolicy(maximumAttempts: 9, backoff: backoff, maximumDuration: .seconds(4.5)),
            time: time)
        var policy = AdaptiveRetryPolicy()
        (policy.maximumAttempts, policy.maximumDuration) = (9, .seconds(4.5))
        policy.arms = [.init("only", backoff)]
        let adaptive = AdaptiveRetry("adaptive", policy: policy, time: time)
        switch way {
        case .run: try await retry.run { _ in try await attempt() }
        case .layer: try await Pipeline { retry }.run { try await attempt() }
        case .judgingLayer:
            try await Pipeline { retry.judging { _ in .retry() } }.run { try await attempt() }
        case .share:
            let budget = ConcurrencyRetryBudget(.init(maximumShare: 1, floor: 9))
            try await Pipeline { retry.within(budget) }.run { try await attempt() }
        case .adaptive: try await adaptive.run { _ in try await attempt() }
        case .adaptiveLayer: try await Pipeline { adaptive }.run { try await attempt() }
        case .judgingAdaptiveLayer:
            try await Pipeline { adaptive.layer(judging: { _ in .retry() }) }.run { try await attempt() }
        }
    }

    @Test(arguments: Way.allCases)
    func `when the time is over no wait for another attempt is begun`(way: Way) throws {
        let begun = Recorder<Duration>()
        try Simulation.run(seed: 1, policy: .calm) { simulation in
            let time = simulation.time
            // The time counts from the call's beginning, not from the clock's.
            try await time.sleep(for: .seconds(100))
            do {
                try await Self.call(way, time) {
                    begun.record(time.now.sinceOrigin)
                    try await time.sleep(for: .seconds(1))
                    throw Failed()
                }
                simulation.expect(false, "it succeeded")
            } catch is Failed {}
        }
        #expect(begun.events == [.seconds(100), .seconds(102), .seconds(104)])
    }

    @Test func `a wait of the caller's own replaces that before the retry it is for`() throws {
        let begun = Recorder<Duration>(), numbers = Recorder<Int>()
        try Simulation.run(seed: 1, policy: .calm) { simulation in
            let time = simulation.time
            let backoff = Backoff(base: .seconds(1), growth: .constant, jitter: .none)
            let retry = Retry("retry", policy: RetryPolicy(maximumAttempts: 4, backoff: backoff), time: time)
            try? await retry.run(
                delay: { number in
                    numbers.record(number)
                    return number == 2 ? .seconds(7) : nil
                }
            ) { _ in
                begun.record(time.now.sinceOrigin)
                throw Failed()
            }
        }
        #expect(numbers.events.starts(with: [1, 2, 3]))
        #expect(begun.events == [.zero, .seconds(1), .seconds(8), .seconds(9)])
    }
}
