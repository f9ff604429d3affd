import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

@Suite struct HedgeTests {
    private struct Failed: Error, Equatable { var number: Int }

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }

    private func hedge(_ delay: HedgePolicy.Delay, _ hedges: Int = 1, budget: RetryBudget? = nil) -> Hedge {
        Hedge("hedge", policy: HedgePolicy(delay: delay, maximumHedges: hedges), budget: budget, time: time)
    }

    @Test func `an answer before the delay is the only call`() async throws {
        let calls = Mutex(0)
        let value = try await hedge(.fixed(.seconds(1))).run { _ in
            calls.withLock { $0 += 1 }
            return 5
        }
        #expect(value == 5 && calls.withLock { $0 } == 1 && clock.sleepers == 0)
    }

    @Test func `a slow first call is overtaken and cancelled`() async throws {
        let time = time, hedge = hedge(.fixed(.seconds(1))), cancelled = Recorder<Int>()
        let answer = Task {
            try await hedge.run { attempt in
                guard attempt == 0 else { return attempt }
                do { try await time.sleep(for: .seconds(60)) } catch { cancelled.record(attempt) }
                return attempt
            }
        }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        #expect(try await answer.value == 1)
        #expect(cancelled.events == [0])
    }

    @Test func `a value that nobody gets is given to who disposes of it`() async throws {
        let discarded = Recorder<Int>()
        let value = try await hedge(.fixed(.zero), 2).run(
            accepting: { $0 == 2 }, discard: { discarded.record($0) }
        ) {
            $0
        }
        #expect(value == 2 && discarded.events.sorted() == [0, 1])
    }

    @Test func `when all fail the first error is thrown, without waiting for a delay`() async throws {
        for delay in [HedgePolicy.Delay.fixed(.seconds(1)), .afterFailure] {
            let calls = Recorder<Int>()
            await #expect(throws: Failed(number: 0)) {
                try await hedge(delay, 3).run { attempt -> Int in
                    calls.record(attempt)
                    throw Failed(number: attempt)
                }
            }
            #expect(calls.events == [0, 1, 2, 3])
        }
        #expect(clock.sleepers == 0)
    }

    @Test func `an error that no other attempt can mend ends it`() async throws {
        let calls = Mutex(0)
        await #expect(throws: Failed(number: 0)) {
            try await hedge(.fixed(.seconds(1)), 3).run(handling: { _ in false }) { attempt -> Int in
                calls.withLock { $0 += 1 }
                throw Failed(number: attempt)
            }
        }
        #expect(calls.withLock { $0 } == 1)
    }

    @Test func `a budget that is spent leaves hedges out, not the call`() async throws {
        let budget = RetryBudget(RetryBudget.Policy(ratio: 0, minimumPerSecond: 0), time: time)
        let calls = Recorder<Int>()
        await #expect(throws: Failed(number: 0)) {
            try await hedge(.fixed(.zero), 3, budget: budget).run { attempt -> Int in
                calls.record(attempt)
                throw Failed(number: attempt)
            }
        }
        #expect(calls.events == [0])
    }

    @Test func `a cancelled caller ends all attempts`() async throws {
        let time = time, hedge = hedge(.fixed(.seconds(1)))
        let answer = Task { try await hedge.run { _ in try await time.sleep(for: .seconds(60)) } }
        await clock.untilSleepers(2)
        answer.cancel()
        await #expect(throws: CancellationError.self) { try await answer.value }
        // The one sleeper that all calls of a hedge share for their alarms.
        #expect(clock.sleepers == 1)
    }

    @Test func `a quantile is followed up and down, and is silent before twenty calls`() throws {
        var quantile = LatencyQuantile(0.95), chance = Chance(seed: 3)
        for _ in 0..<19 { quantile.note(.milliseconds(100)) }
        #expect(quantile.value == nil)
        for _ in 0..<5000 { quantile.note(.seconds(0.1 * chance.unit())) }
        let fast = try #require(quantile.value)
        #expect(fast > .milliseconds(85) && fast < .milliseconds(105), "\(fast)")
        for _ in 0..<5000 { quantile.note(.seconds(chance.unit())) }
        let slow = try #require(quantile.value)
        #expect(slow > .milliseconds(850) && slow < .milliseconds(1050), "\(slow)")
    }
}
