import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

@Suite struct CacheTierTests {
    private struct Down: Error {}

    /// A tier in memory that can fail and hang.
    private final class Shelf: CacheTier {
        enum Mood { case well, fails, hangs }
        struct State {
            var entries: [String: CacheTierEntry<String>] = [:]
            var mood = Mood.well
            var lifetimes: [Duration] = []
        }

        let state = Mutex(State())
        let time: TimeSource

        init(_ time: TimeSource) { self.time = time }

        private func check() async throws {
            switch state.withLock({ $0.mood }) {
            case .well: break
            case .fails: throw Down()
            case .hangs: try await time.sleep(for: .unbounded)
            }
        }

        func get(_ key: String) async throws -> CacheTierEntry<String>? {
            try await check()
            return state.withLock { $0.entries[key] }
        }

        func set(_ value: String, for key: String, lifetime: Duration) async throws {
            try await check()
            state.withLock {
                $0.entries[key] = CacheTierEntry(value, age: .zero)
                $0.lifetimes.append(lifetime)
            }
        }

        func remove(_ key: String) async throws {
            try await check()
            state.withLock { $0.entries[key] = nil }
        }
    }

    private let clock = VirtualClock()
    private let shelf: Shelf
    private let cache: Cache<String, String>

    /// The loads that have ended, with what follows them.
    private let ended = Recorder<Void>()
    private static func spawner(_ ended: Recorder<Void>) -> Spawner {
        Spawner { work in
            Spawner.tasks.spawn {
                await work()
                ended.record(())
            }
        }
    }

    @Test func `a load that everyone has left while the tier was asked is not begun`() async throws {
        shelf.state.withLock { $0.mood = .hangs }
        let script = Script(.value("1"))
        let cache = Cache<String, String>(tier: shelf, time: TimeSource(clock), spawner: Self.spawner(ended))
        let caller = Task { try await cache.value(for: "a") { _ in try await script() } }
        await clock.untilSleepers(2)
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
        await until { !ended.events.isEmpty }
        #expect(script.calls == 0)
    }

    init() {
        var policy = CachePolicy(freshFor: .seconds(60), staleIfError: .seconds(30))
        policy.jitter = 0
        shelf = Shelf(TimeSource(clock))
        cache = Cache(
            policy: policy, tier: shelf, time: TimeSource(clock), chance: Chance(seed: 1),
            spawner: Self.spawner(ended))
    }

    private func put(_ value: String, age: Duration) {
        shelf.state.withLock { $0.entries["a"] = CacheTierEntry(value, age: age) }
    }

    @Test(arguments: [(59.999, true), (60, false)])
    func `a value that is fresh there is taken with its age`(age: Double, taken: Bool) async throws {
        put("there", age: .milliseconds(age * 1000))
        #expect(try await cache.value(for: "a") { _ in "loaded" } == (taken ? "there" : "loaded"))
        #expect(cache.counts.tierHits == (taken ? 1 : 0))
        await until { !ended.events.isEmpty }
        if taken {
            #expect(shelf.state.withLock { $0.lifetimes.isEmpty }, "what came from there is not put back")
        }
        clock.advance(by: .milliseconds(1))
        #expect((cache.hit("a") == nil) == taken)
    }

    @Test func `what was loaded is put there, and removed there`() async throws {
        _ = try await cache.value(for: "a") { _ in "loaded" }
        await until { shelf.state.withLock { $0.entries["a"] != nil } }
        #expect(shelf.state.withLock { $0.lifetimes } == [.seconds(90)])
        await cache.remove("a")
        #expect(shelf.state.withLock { $0.entries.isEmpty })
        #expect(cache.peek("a") == nil)
    }

    @Test(arguments: [(89.999, true), (90, false)])
    func `a value that is old there stands in for a failed load while its age allows`(
        age: Double, taken: Bool
    )
        async throws
    {
        put("old", age: .milliseconds(age * 1000))
        let answer = try? await cache.answer(for: "a") { _ in throw Down() }
        #expect(answer?.value == (taken ? "old" : nil))
        #expect(answer?.isStale ?? true)
    }

    @Test func `its failure fails no call`() async throws {
        shelf.state.withLock { $0.mood = .fails }
        #expect(try await cache.value(for: "a") { _ in "loaded" } == "loaded")
        await cache.remove("a")
        await until { cache.counts.tierFailures >= 3 }
        #expect(cache.counts.loadFailures == 0)
    }

    @Test func `it is not waited for longer than its time`() async throws {
        shelf.state.withLock { $0.mood = .hangs }
        let caller = Task { try await cache.value(for: "a") { _ in "loaded" } }
        await clock.untilSleepers(2)
        clock.advance(by: .milliseconds(250))
        #expect(try await caller.value == "loaded")
        await clock.untilSleepers(2)
        clock.advance(by: .milliseconds(250))
        await until { cache.counts.tierFailures >= 2 }
    }

    @Test(arguments: Array<UInt64>(0..<20))
    func `jitter alone does not make a fresh value stale`(seed: UInt64) async throws {
        var policy = CachePolicy(freshFor: .seconds(60), staleIfError: .seconds(30))
        policy.jitter = 0.5
        let cache = Cache(
            policy: policy, tier: shelf, time: TimeSource(clock), chance: Chance(seed: seed))
        put("there", age: .seconds(50))
        #expect(try await cache.answer(for: "a") { _ in "loaded" }.isStale == false, "seed \(seed)")
        clock.advance(by: .milliseconds(4999))
        #expect(cache.hit("a") == "there", "seed \(seed)")
        clock.advance(by: .milliseconds(10_001))
        #expect(cache.hit("a") == nil, "seed \(seed)")
    }

    @Test func `a load that failed is counted though the value that is old there stands in for it`()
        async throws
    {
        put("old", age: .seconds(70))
        #expect(try await cache.answer(for: "a") { _ in throw Down() }.isStale)
        #expect((cache.counts.loadFailures, cache.counts.tierHits, cache.counts.staleServed) == (1, 1, 1))
    }
}
