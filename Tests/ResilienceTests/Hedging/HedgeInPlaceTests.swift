import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// ``Hedge/runInPlace(delay:spawner:accepting:breakOff:second:first:)``: the first attempt in the caller's own task.
@Suite struct HedgeInPlaceTests {
    /// An attempt that waits until it is ended from outside.
    private final class Call: Sendable {
        private let (values, feed) = AsyncStream<Int>.makeStream()

        func value() async -> Int {
            for await value in values { return value }
            return -4
        }
        func end(_ value: Int) { feed.yield(value) }
    }

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }

    private func hedge(budget: RetryBudget? = nil) -> Hedge {
        Hedge("hedge", policy: HedgePolicy(delay: .afterFailure), budget: budget, time: time)
    }

    private func start(
        _ hedge: Hedge, _ call: Call, brokenOff: Recorder<Int> = Recorder(),
        second: @escaping @Sendable () async -> Int?
    ) -> Task<[Int?], Never> {
        Task {
            let (winner, other) = await hedge.runInPlace(
                delay: .seconds(1), spawner: .tasks, accepting: { $0 > 0 },
                breakOff: {
                    brokenOff.record(1)
                    call.end(-9)
                }, second: second
            ) { await call.value() }
            return [winner, other]
        }
    }

    @Test func `an answer before the delay is the only call`() async {
        let seconds = Mutex(0)
        let (winner, other) = await hedge().runInPlace(
            delay: .seconds(1), spawner: .tasks, accepting: { $0 > 0 }, breakOff: {},
            second: {
                seconds.withLock { $0 += 1 }
                return 2
            }
        ) { 1 }
        clock.advance(by: .seconds(2))
        #expect(winner == 1 && other == nil && seconds.withLock { $0 } == 0)
    }

    @Test func `a slow first call is broken off when the second has answered`() async {
        let call = Call(), brokenOff = Recorder<Int>()
        let answer = start(hedge(), call, brokenOff: brokenOff) { 2 }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        #expect(await answer.value == [2, -9])
        #expect(brokenOff.events == [1])
    }

    @Test func `the second is cancelled and waited for when the first answers`() async {
        let call = Call(), time = time, cancelled = Recorder<Int>(), brokenOff = Recorder<Int>()
        let begun = Recorder<Int>()
        let answer = start(hedge(), call, brokenOff: brokenOff) {
            begun.record(2)
            do { try await time.sleep(for: .seconds(60)) } catch { cancelled.record(2) }
            return -2
        }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        while begun.events.isEmpty { await Task.yield() }
        call.end(1)
        #expect(await answer.value == [1, -2])
        #expect(cancelled.events == [2] && brokenOff.events == [])
    }

    @Test func `when the first fails the second is waited for, and when both fail the first counts`() async {
        for (result, expected) in [(2, [2, -1]), (-2, [-1, -2])] {
            let call = Call(), second = Call()
            let begun = Recorder<Int>()
            let answer = start(hedge(), call) {
                begun.record(2)
                return await second.value()
            }
            await clock.untilSleepers(1)
            clock.advance(by: .seconds(1))
            while begun.events.isEmpty { await Task.yield() }
            call.end(-1)
            second.end(result)
            #expect(await answer.value == expected)
        }
    }

    @Test func `a second call that is not made after all changes nothing`() async {
        let call = Call(), answer = start(hedge(), call) { nil }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        call.end(-1)
        #expect(await answer.value == [-1, nil])
    }

    @Test func `a caller that leaves cancels the second call too`() async {
        let call = Call(), time = time, begun = Recorder<Int>()
        let answer = start(hedge(), call) {
            begun.record(2)
            do { try await time.sleep(for: .seconds(60)) } catch { return -3 }
            return 3
        }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        while begun.events.isEmpty { await Task.yield() }
        answer.cancel()
        #expect(await answer.value == [-4, -3])
    }

    @Test func `a budget that is spent allows no second call`() async {
        let budget = RetryBudget(RetryBudget.Policy(ratio: 0.1, minimumPerSecond: 0), time: time)
        while budget.withdraw() {}
        let call = Call(), seconds = Recorder<Int>()
        let answer = start(hedge(budget: budget), call) {
            seconds.record(2)
            return 2
        }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        call.end(1)
        #expect(await answer.value == [1, nil])
        #expect(seconds.events == [])
    }

    @Test(arguments: [true, false])
    func `a caller that leaves while the first call runs gets no second one`(isDue: Bool) async {
        let call = Call(), seconds = Recorder<Int>(), told = Recorder<HedgeEvent>(), left = Recorder<Void>()
        let hedge = Hedge(
            "hedge", policy: HedgePolicy(delay: .afterFailure), time: time, onEvent: told.record)
        let spawned = HoldingSpawner(starting: 0)
        let answer = Task {
            await hedge.runInPlace(
                delay: .seconds(1), spawner: spawned.spawner, accepting: { $0 > 0 }, breakOff: {},
                second: {
                    seconds.record(2)
                    return 2
                }
            ) {
                // It takes no notice of its cancellation.
                await withTaskCancellationHandler {
                    await Task { await call.value() }.value
                } onCancel: {
                    left.record(())
                }
            }
        }
        await clock.untilSleepers(1)
        if isDue {
            // The task of the second call is made, and has not begun.
            clock.advance(by: .seconds(1))
            await until { spawned.held == 1 }
        }
        answer.cancel()
        await until { !left.events.isEmpty }
        clock.advance(by: .seconds(1))
        await until { clock.sleepers == 0 }
        #expect(spawned.held == (isDue ? 1 : 0))
        await spawned.release()
        call.end(-1)
        let (winner, other) = await answer.value
        #expect(winner == -1 && other == nil && seconds.events.isEmpty && told.events.isEmpty)
    }

    @Test func `a second call is cancelled when the caller leaves while the first one runs on`() async {
        let call = Call(), time = time, cancelled = Recorder<Int>()
        let answer = Task {
            await hedge().runInPlace(
                delay: .seconds(1), spawner: .tasks, accepting: { $0 > 0 }, breakOff: {},
                second: {
                    do { try await time.sleep(for: .seconds(60)) } catch { cancelled.record(2) }
                    return -2
                }
            ) { await Task { await call.value() }.value }
        }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        // That of the second call, whose sleeper has gone.
        await until { clock.nextDeadline == Instant(sinceOrigin: .seconds(61)) }
        answer.cancel()
        await until { cancelled.events == [2] }
        call.end(1)
        let (winner, other) = await answer.value
        #expect(winner == 1 && other == -2)
    }

    @Test func `for a caller that was cancelled before only the first call runs, and nothing is paid in`()
        async
    {
        let budget = RetryBudget(RetryBudget.Policy(ratio: 1, minimumPerSecond: 0), time: time)
        let hedge = hedge(budget: budget), seconds = Recorder<Int>()
        let answer = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await hedge.runInPlace(
                delay: .zero, spawner: .tasks, accepting: { $0 > 0 }, breakOff: {},
                second: {
                    seconds.record(2)
                    return 2
                }
            ) { Task.isCancelled ? -1 : 1 }
        }
        let (winner, other) = await answer.value
        #expect(winner == -1 && other == nil && clock.sleepers == 0)
        #expect(seconds.events.isEmpty && !budget.withdraw())
    }

    @Test func `the budget is asked and the event told by the second call's task, not by the sleeper`() async
    {
        let call = Call(), told = Recorder<HedgeEvent>(), spawned = HoldingSpawner(starting: 0)
        let hedge = Hedge(
            "hedge", policy: HedgePolicy(delay: .afterFailure), time: time, onEvent: told.record)
        let answer = Task {
            await hedge.runInPlace(
                delay: .seconds(1), spawner: spawned.spawner, accepting: { $0 > 0 }, breakOff: {},
                second: { -2 }
            ) { await call.value() }
        }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        await until { spawned.held == 1 }
        #expect(told.events.isEmpty)
        await spawned.release()
        #expect(told.events.map(\.kind) == ["hedge_began"])
        call.end(1)
        let (winner, other) = await answer.value
        #expect(winner == 1 && other == -2)
    }
}
