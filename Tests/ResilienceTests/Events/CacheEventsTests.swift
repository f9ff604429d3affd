import ResilienceTesting
import Testing

@testable import Resilience

/// What a cache tells, in order, in runs that are written down.
@Suite(.timeLimit(.minutes(1))) struct CacheEventsTests {
    private struct Down: Error {}

    private let clock = VirtualClock()
    private let log = Recorder<CacheEvent<String>>()

    private func cache(
        capacity: Int = 100, tier: (any CacheTier<String, Int>)? = nil,
        _ change: (inout CachePolicy) -> Void = { _ in }
    ) -> Cache<String, Int> {
        var policy = CachePolicy(
            capacity: capacity, freshFor: .seconds(60), staleWhileRevalidate: .seconds(10),
            staleIfError: .seconds(30))
        policy.jitter = 0
        change(&policy)
        return Cache(
            "c", policy: policy, tier: tier, time: TimeSource(clock), chance: Chance(seed: 1),
            remembering: { $0 is Down }, onEvent: log.record)
    }

    /// What was told so far, without the name of the strategy in front.
    private var told: [String] { log.events.map { String($0.kind.dropFirst("cache_".count)) } }

    @Test func `a load and the hits after it`() async throws {
        let cache = cache()
        for _ in 0..<2 { #expect(try await cache.value(for: "a") { _ in 1 } == 1) }
        #expect(try await cache.answer(for: "a") { _ in 1 }.value == 1)
        #expect(cache.hit("a") == 1 && cache.hit("b") == nil && cache.peek("a")?.value == 1)
        #expect(told == ["missed", "load_began", "loaded", "hit", "hit", "hit"])
        #expect(log.events.allSatisfy { $0.key == "a" && $0.strategy == "c" && $0.calls == 1 })
        #expect(Set(log.events.map(\.severity)) == [.debug])
    }

    @Test func `a failed load, and its error that is remembered`() async throws {
        let cache = cache()
        for _ in 0..<2 {
            await #expect(throws: Down.self) { try await cache.value(for: "a") { _ in throw Down() } }
        }
        #expect(told == ["missed", "load_began", "load_failed", "hit"])
        #expect(log.events[2].severity == .warning)
    }

    @Test func `an old value while a load runs, and after it failed`() async throws {
        let cache = cache()
        cache.warm([("a", 1)])
        clock.advance(by: .seconds(65))
        #expect(try await cache.answer(for: "a") { _ in throw Down() }.isStale)
        await until { log.events.count == 3 }
        #expect(told == ["served_stale", "load_began", "load_failed"])
        #expect(log.events[0].severity == .information)
        // So soon after the failure nothing is loaded.
        #expect(try await cache.answer(for: "a") { _ in throw Down() }.isStale)
        #expect(told.last == "served_stale" && log.events.count == 4)
    }

    @Test func `an old value for all who waited for a load that failed`() async throws {
        let cache = cache(), clock = clock
        cache.warm([("a", 1)])
        clock.advance(by: .seconds(75))
        let callers = (0..<3).map { _ in
            Task {
                try await cache.answer(for: "a") { _ in
                    try await clock.sleep(until: clock.now.advanced(by: .seconds(1)))
                    throw Down()
                }
            }
        }
        await until { cache.counts.misses == 3 }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        for caller in callers { #expect(try await caller.value.isStale) }
        #expect(told == ["missed", "load_began", "missed", "missed", "load_failed", "served_stale"])
        #expect(log.events.last?.calls == 3)
    }

    @Test func `a load in the background that hangs is told as failed when it is given up`() async throws {
        let cache = cache(), clock = clock
        cache.warm([("a", 1)])
        clock.advance(by: .seconds(65))
        _ = try await cache.answer(for: "a") { _ in
            try await clock.sleep(until: clock.now.advanced(by: .seconds(600)))
            return 2
        }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(25))
        await until { log.events.count == 3 }
        #expect(told == ["served_stale", "load_began", "load_failed"])
    }

    @Test func `a caller above the number of loads tells its load like any other`() async throws {
        let cache = cache { $0.maximumLoads = 0 }
        #expect(try await cache.value(for: "a") { _ in 1 } == 1)
        await #expect(throws: Down.self) { try await cache.value(for: "a") { _ in throw Down() } }
        #expect(
            told == ["missed", "load_began", "loaded", "missed", "load_began", "load_failed"])
    }

    @Test func `what is dropped for room is told with its key, as often as it is counted`() async throws {
        let cache = cache(capacity: 10)
        for number in 0..<200 { _ = try await cache.value(for: "\(number % 50)") { _ in number } }
        let evicted = log.events.filter { $0.happening == .evicted }, counts = cache.counts
        #expect(evicted.count == counts.evictions + counts.rejectedAdmissions)
        #expect(evicted.count > 50)
        #expect(evicted.allSatisfy { Int($0.key) != nil })
    }

    /// A second tier of a few values.
    private struct Tier: CacheTier {
        var values: [String: CacheTierEntry<Int>] = [:]

        func get(_ key: String) async throws -> CacheTierEntry<Int>? {
            if key == "broken" { throw Down() }
            return values[key]
        }
        func set(_ value: Int, for key: String, lifetime: Duration) async throws {}
        func remove(_ key: String) async throws { throw Down() }
    }

    @Test func `what the second tier does`() async throws {
        let cache = cache(tier: Tier(values: ["a": CacheTierEntry(1, age: .zero)]))
        #expect(try await cache.value(for: "a") { _ in 2 } == 1)
        #expect(try await cache.value(for: "broken") { _ in 2 } == 2)
        await cache.remove("a")
        #expect(
            told == [
                "missed", "load_began", "tier_hit", "loaded", "missed", "load_began", "tier_failed", "loaded",
                "tier_failed",
            ])
        #expect(log.events.last?.severity == .warning && log.events.last?.key == "a")
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func `events say the same as the counts`(seed: UInt64) async throws {
        var chance = Chance(seed: seed)
        let cache = cache(capacity: 5)
        for _ in 0..<300 {
            let key = "\(chance.next() % 8)", fails = chance.unit() < 0.3
            _ = try? await cache.value(for: key) { _ in
                if fails { throw Down() }
                return 1
            }
            if chance.unit() < 0.1 { clock.advance(by: .seconds(Int(chance.next() % 70))) }
        }
        func sum(_ happening: CacheEvent<String>.Happening) -> Int {
            log.events.reduce(0) { $0 + ($1.happening == happening ? $1.calls : 0) }
        }
        // A load is told after it is counted.
        await until { cache.counts.loading == 0 && sum(.loaded) + sum(.loadFailed) == cache.counts.loads }
        let counts = cache.counts
        #expect(counts.hits > 0 && counts.loadFailures > 0, "seed \(seed)")
        let told = [sum(.hit), sum(.missed), sum(.servedStale), sum(.loadBegan), sum(.loadFailed)]
        #expect(
            told == [counts.hits, counts.misses, counts.staleServed, counts.loads, counts.loadFailures],
            "seed \(seed)")
        #expect(sum(.loaded) == counts.loads - counts.loadFailures, "seed \(seed)")
        #expect(sum(.evicted) == counts.evictions + counts.rejectedAdmissions, "seed \(seed)")
    }
}
