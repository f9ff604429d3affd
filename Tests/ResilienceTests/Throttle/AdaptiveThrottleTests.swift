import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct AdaptiveThrottleTests {
    private struct Failed: Error {}

    private let clock = VirtualClock()

    private func throttle() -> AdaptiveThrottle {
        AdaptiveThrottle("throttle", time: TimeSource(clock), chance: Chance(seed: 1))
    }

    private func rejection(after error: any Error) async -> Double {
        let throttle = throttle()
        for _ in 0..<40 {
            _ = try? await throttle.run(CallContext()) { _ in throw error }
            clock.advance(by: .milliseconds(500))
        }
        return throttle.rejection
    }

    @Test func `it rejects in the measure of failure, and lets go when calls succeed again`()
        async throws
    {
        var machine = AdaptiveThrottle.StateMachine(.init(), chance: Chance(seed: 5), at: Instant())
        var now = Instant(), passed = 0
        for _ in 0..<10_000 {
            now = now.advanced(by: .milliseconds(10))
            if machine.admit(at: now) { passed += 1 }
        }
        // Nine of ten are kept away when nothing succeeds, and the tenth finds out when that changes.
        #expect(passed > 700 && passed < 1300, "\(passed)")
        for _ in 0..<20_000 {
            now = now.advanced(by: .milliseconds(10))
            if machine.admit(at: now) { machine.succeeded(at: now) }
        }
        #expect(machine.rejection(at: now) == 0)
        #expect(machine.rejection(at: now.advanced(by: .unbounded)) == 0)
    }

    @Test func `only calls that were sent count`() {
        var machine = AdaptiveThrottle.StateMachine(.init(), chance: Chance(seed: 7), at: Instant())
        var sent = 0
        for _ in 0..<500 where machine.admit(at: Instant()) { sent += 1 }
        #expect(sent < 200 && machine.calls == sent)
    }

    @Test func `cancelled calls and rejections by layers inside say nothing about the other side`() async {
        #expect(await rejection(after: CancellationError()) == 0)
        #expect(await rejection(after: Rejection(.full, strategy: "bulkhead")) == 0)
        #expect(await rejection(after: Rejection(.circuitOpen, strategy: "breaker")) == 0)
        #expect(await rejection(after: Rejection(.timedOut, strategy: "timeout")) > 0.8)
        #expect(await rejection(after: Failed()) > 0.8)
    }

    @Test(arguments: Array<UInt64>(1...20))
    func `counts never go below zero, and all leave the window`(seed: UInt64) {
        var chance = Chance(seed: seed), now = Instant()
        var machine = AdaptiveThrottle.StateMachine(.init(), chance: Chance(seed: seed), at: now)
        for _ in 0..<2000 {
            switch chance.next() % 4 {
            case 0: _ = machine.admit(at: now)
            case 1: machine.ignored(at: now)
            case 2: machine.succeeded(at: now)
            default:
                let rare = chance.next() % 50 == 0
                now = now.advanced(by: rare ? .seconds(200) : .milliseconds(chance.next() % 4000))
            }
            #expect((0...0.9).contains(machine.rejection(at: now)), "seed \(seed)")
        }
        #expect(machine.calls >= 0 && machine.successes >= 0, "seed \(seed)")
        now = now.advanced(by: .seconds(61))
        _ = machine.rejection(at: now)
        #expect(machine.calls == 0 && machine.successes == 0, "seed \(seed)")
    }

    @Test func `settings and times at the ends of their ranges do no harm`() {
        let windows: [Duration] = [.seconds(Int64.min), .zero, .nanoseconds(1), .seconds(Int64.max)]
        for (window, number) in windows.flatMap({ window in [-1, 0, 9, .nan, .infinity].map { (window, $0) } }
        ) {
            for calls in [Int.min, 0, .max] {
                var policy = AdaptiveThrottle.Policy()
                (policy.window, policy.minimumCalls) = (window, calls)
                (policy.successThreshold, policy.maximumRejection) = (number, number)
                var machine = AdaptiveThrottle.StateMachine(policy, chance: Chance(seed: 1), at: Instant())
                for now in [Duration.zero, .seconds(1), .unbounded, .seconds(-5)].map(Instant.init) {
                    for _ in 0..<30 { _ = machine.admit(at: now) }
                    machine.succeeded(at: now)
                    machine.ignored(at: now)
                    #expect((0...1).contains(machine.rejection(at: now)))
                }
            }
        }
    }
}
