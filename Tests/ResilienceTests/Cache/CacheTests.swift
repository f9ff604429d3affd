import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

@Suite struct CacheTests {
    private struct Down: Error {}

    private let clock = VirtualClock()
    private let policy: CachePolicy = {
        var policy = CachePolicy(
            freshFor: .seconds(60), staleWhileRevalidate: .seconds(10), staleIfError: .seconds(30))
        policy.jitter = 0
        return policy
    }()

    private func cache(
        _ policy: CachePolicy? = nil, tier: (any CacheTier<String, String>)? = nil
    ) -> Cache<String, String> {
        Cache(policy: policy ?? self.policy, tier: tier, time: TimeSource(clock), chance: Chance(seed: 1))
    }

    /// A load that takes a second and writes down how it ended.
    private func load(_ value: String, _ log: Recorder<String>) -> Cache<String, String>.Load {
        { [clock] _ in
            log.record("begin \(value)")
            do { try await clock.sleep(until: clock.now.advanced(by: .seconds(1))) } catch {
                log.record("cancelled \(value)")
                throw error
            }
            return value
        }
    }

    @Test func `a value is loaded once and then kept`() async throws {
        let cache = cache(), script = Script<String>(.value("1"), .value("2"))
        for _ in 0..<3 { #expect(try await cache.value(for: "a") { _ in try await script() } == "1") }
        clock.advance(by: .seconds(90))
        #expect(try await cache.value(for: "a") { _ in try await script() } == "2")
        #expect(script.calls == 2)
        #expect((cache.counts.hits, cache.counts.misses, cache.counts.weight) == (2, 2, 1))
    }

    @Test func `many callers share one load`() async throws {
        let cache = cache(), log = Recorder<String>()
        let callers = (0..<100).map { _ in Task { try await cache.value(for: "a", load: load("1", log)) } }
        await until { cache.counts.misses == 100 }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        for caller in callers { #expect(try await caller.value == "1") }
        #expect(log.events == ["begin 1"])
        #expect(cache.counts.loading == 0)
    }

    @Test(arguments: [true, false])
    func `a cancelled caller leaves the load to the others`(isLeader: Bool) async throws {
        let cache = cache(), log = Recorder<String>()
        let leader = Task { try await cache.value(for: "a", load: load("1", log)) }
        await clock.untilSleepers(1)
        let waiter = Task { try await cache.value(for: "a", load: load("2", log)) }
        await until { cache.counts.misses == 2 }
        let (cancelled, other) = isLeader ? (leader, waiter) : (waiter, leader)
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        clock.advance(by: .seconds(1))
        #expect(try await other.value == "1")
        #expect(log.events == ["begin 1"])
    }

    @Test func `a load is cancelled when nobody waits for it any more, and the next caller loads anew`()
        async throws
    {
        let cache = cache(), log = Recorder<String>()
        let callers = (0..<3).map { _ in Task { try await cache.value(for: "a", load: load("1", log)) } }
        await until { cache.counts.misses == 3 }
        await clock.untilSleepers(1)
        for caller in callers { caller.cancel() }
        for caller in callers { await #expect(throws: CancellationError.self) { try await caller.value } }
        await until { log.events == ["begin 1", "cancelled 1"] }
        #expect(cache.counts.loading == 0 && cache.counts.loadFailures == 0)
        #expect(try await cache.value(for: "a") { _ in "2" } == "2")
    }

    @Test func `a load that everyone has left before it begins is not begun`() async throws {
        let held = Recorder<@Sendable () async -> Void>(), cancelled = Recorder<Void>()
        let spawner = Spawner { work in
            held.record(work)
            return Spawner.Spawned { cancelled.record(()) }
        }
        let cache = Cache<String, String>(
            policy: policy, time: TimeSource(clock), chance: Chance(seed: 1), spawner: spawner)
        let script = Script(.value("1"))
        let caller = Task { try await cache.value(for: "a") { _ in try await script() } }
        await until { cache.counts.loading == 1 }
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
        #expect(held.events.count == 1 && cancelled.events.count == 1)
        for work in held.events {
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                await work()
            }
            await task.value
        }
        #expect(script.calls == 0)
    }

    @Test func `a load that ends with its own cancellation is begun anew for the next waiter`() async throws {
        let cache = cache(), log = Recorder<String>(), clock = clock
        let leader = Task {
            try await cache.value(for: "a") { _ in
                log.record("begin 1")
                try await clock.sleep(until: clock.now.advanced(by: .seconds(1)))
                throw CancellationError()
            }
        }
        await clock.untilSleepers(1)
        let waiters = (0..<3).map { _ in Task { try await cache.value(for: "a", load: load("2", log)) } }
        await until { cache.counts.misses == 4 }
        clock.advance(by: .seconds(1))
        await #expect(throws: CancellationError.self) { try await leader.value }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        for waiter in waiters { #expect(try await waiter.value == "2") }
        #expect(log.events == ["begin 1", "begin 2"])
    }

    @Test func `a cancelled caller is told so before it loads anything, whatever is kept`() async {
        let cache = cache(), script = Script<String>()
        for isKept in [false, true] {
            if isKept { cache.warm([("a", "1")]) }
            let caller = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await cache.value(for: "a") { _ in try await script() }
            }
            await #expect(throws: CancellationError.self) { try await caller.value }
        }
        #expect(script.calls == 0 && cache.counts.hits == 0 && cache.counts.misses == 0)
    }

    @Test func `the old value is served while another is loaded in the background`() async throws {
        let cache = cache(), log = Recorder<String>()
        cache.warm([("a", "1")])
        clock.advance(by: .seconds(60))
        for _ in 0..<3 {
            let answer = try await cache.answer(for: "a", load: load("2", log))
            #expect(answer.value == "1" && answer.isStale)
        }
        // The load sleeps, and so does the limit of its time.
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await until { cache.counts.loading == 0 }
        #expect(cache.hit("a") == "2")
        #expect(log.events == ["begin 2"])
        await until { clock.sleepers == 0 }
    }

    @Test func `a hung refresh is cancelled when its entry is gone`() async throws {
        let cache = cache(), log = Recorder<String>(), clock = clock
        cache.warm([("a", "1")])
        clock.advance(by: .seconds(60))
        _ = try await cache.value(for: "a") { _ in
            log.record("begin")
            do { try await clock.sleep(until: Instant(sinceOrigin: .seconds(1000))) } catch {
                log.record("cancelled")
            }
            return "late"
        }
        await clock.untilSleepers(2)
        clock.advance(to: Instant(sinceOrigin: .seconds(90)))
        await until { log.events == ["begin", "cancelled"] }
        #expect(cache.peek("a") == nil && cache.counts.loading == 0)
        #expect(try await cache.value(for: "a") { _ in "2" } == "2")
    }

    @Test func `a load that is given up before its task is known is cancelled all the same`() async throws {
        let cancelled = Recorder<String>(), removal = Mutex<(@Sendable () -> Void)?>(nil)
        let spawner = Spawner { _ in
            removal.withLock { $0 }?()
            return Spawner.Spawned { cancelled.record("cancelled") }
        }
        let cache = Cache<String, String>(
            policy: policy, time: TimeSource(clock), chance: Chance(seed: 1), spawner: spawner)
        removal.withLock { $0 = { cache.removeAll() } }
        cache.warm([("a", "1")])
        clock.advance(by: .seconds(60))
        #expect(try await cache.value(for: "a") { $0 } == "1")
        #expect(cancelled.events == ["cancelled"])
        removal.withLock { $0 = nil }
    }

    @Test func `what is removed cancels its refresh, but not a load that somebody waits for`() async throws {
        let cache = cache(), log = Recorder<String>()
        cache.warm([("a", "1")])
        clock.advance(by: .seconds(60))
        _ = try await cache.value(for: "a", load: load("2", log))
        let caller = Task { try await cache.value(for: "b", load: load("3", log)) }
        await clock.untilSleepers(3)
        await cache.remove("a")
        await cache.remove("b")
        await until { log.events.contains("cancelled 2") }
        clock.advance(by: .seconds(1))
        #expect(try await caller.value == "3")
        #expect(cache.peek("b") == nil && !log.events.contains("cancelled 3"))
    }

    @Test func `an old value stands in for a failed load, and a named error is remembered`() async throws {
        let cache = Cache<String, String>(
            policy: policy, time: TimeSource(clock), chance: Chance(seed: 1), remembering: { $0 is Down })
        let script = Script<String>(.fail(Down()), .fail(Down()), .value("2"))
        cache.warm([("a", "1")])
        clock.advance(by: .seconds(70))
        #expect(try await cache.answer(for: "a") { _ in try await script() }.isStale)
        for _ in 0..<3 {
            await #expect(throws: Down.self) { try await cache.value(for: "b") { _ in try await script() } }
        }
        #expect(script.calls == 2)
        clock.advance(by: .seconds(5))
        #expect(try await cache.value(for: "b") { _ in try await script() } == "2")
    }

    @Test func `a load's own cancellation is never remembered, whatever the caller names`() async throws {
        let cache = Cache<String, String>(
            policy: policy, time: TimeSource(clock), chance: Chance(seed: 1), remembering: { _ in true })
        let script = Script<String>(.fail(CancellationError()), .fail(Down()), .value("never"))
        await #expect(throws: CancellationError.self) {
            try await cache.value(for: "a") { _ in try await script() }
        }
        for _ in 0..<3 {
            await #expect(throws: Down.self) { try await cache.value(for: "a") { _ in try await script() } }
        }
        #expect(script.calls == 2)
    }

    @Test func `above the limit of loads each loads for itself`() async throws {
        var policy = policy
        policy.maximumLoads = 1
        let cache = cache(policy), log = Recorder<String>()
        let first = Task { try await cache.value(for: "a", load: load("1", log)) }
        await clock.untilSleepers(1)
        #expect(try await cache.value(for: "b") { _ in "2" } == "2")
        await #expect(throws: Down.self) { try await cache.value(for: "c") { _ in throw Down() } }
        #expect(cache.peek("b") == nil)
        clock.advance(by: .seconds(1))
        #expect(try await first.value == "1")
        #expect(cache.counts.loads == 3 && cache.counts.loadFailures == 1)
    }

    @Test func `bytes are weighed`() async throws {
        let cache = Cache<String, String>(
            policy: CachePolicy(capacity: 10), time: TimeSource(clock), weighing: { $1.utf8.count })
        cache.warm([("a", "12345"), ("b", "1234"), ("c", "12345678901")])
        #expect(cache.counts.weight == 9)
        #expect(cache.hit("c") == nil)
        #expect(try await cache.value(for: "c") { _ in "12345678901" } == "12345678901")
        cache.removeAll()
        #expect(cache.counts.weight == 0 && cache.counts.entries == 0)
    }

    @Test func `many callers, cancelled at random, leave nothing behind`() async throws {
        let cache = cache(CachePolicy(capacity: 5, freshFor: .seconds(60))), served = Recorder<Void>()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<600 {
                group.addTask {
                    let caller = Task {
                        try await cache.value(for: "\(index % 12)") { key in
                            for _ in 0..<index % 9 { await Task.yield() }
                            if index % 5 == 0 { throw Down() }
                            try Task.checkCancellation()
                            return key
                        }
                    }
                    if index % 3 == 0 {
                        for _ in 0..<index % 7 { await Task.yield() }
                        caller.cancel()
                    }
                    if index % 50 == 0 { await cache.remove("\(index % 12)") }
                    if let value = try? await caller.value {
                        #expect(value == "\(index % 12)")
                        served.record(())
                    }
                }
            }
        }
        await until { cache.counts.loading == 0 }
        #expect(cache.counts.weight <= 5 && !served.events.isEmpty)
    }
}
