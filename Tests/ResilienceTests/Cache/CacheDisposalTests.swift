import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// When values that fall out of a cache are freed.
@Suite struct CacheDisposalTests {
    /// A value that asks its cache when it is freed, as one may that unregisters itself.
    private final class Curious: Sendable {
        typealias Store = Cache<String, Curious>

        let cache: Store
        let found: Recorder<Bool>

        init(_ cache: Store, _ found: Recorder<Bool>) {
            self.cache = cache
            self.found = found
        }

        deinit {
            // Asking in earnest would hang the test if the lock were held.
            found.record(cache.guarded.withLockIfAvailable { _ in true } ?? false)
        }
    }

    private let clock = VirtualClock()

    @Test func `a value is freed after the lock was given back, whatever made it go`() async throws {
        let found = Recorder<Bool>()
        let cache = Curious.Store(
            policy: CachePolicy(capacity: 2, freshFor: .seconds(60)), time: TimeSource(clock),
            chance: Chance(seed: 1))
        func fill(_ keys: String...) { for key in keys { cache.warm([(key, Curious(cache, found))]) } }
        fill("a", "a")
        #expect(found.events == [true], "replaced")
        fill("b", "c", "d")
        #expect(found.events == [true, true, true], "no room")
        let kept = try #require(["a", "b", "c", "d"].first { cache.peek($0) != nil })
        await cache.remove(kept)
        #expect(found.events.count == 4, "removed")
        clock.advance(by: .seconds(100))
        for key in ["a", "b", "c", "d"] {
            _ = try? await cache.value(for: key) { _ in throw CancellationError() }
        }
        #expect(found.events.count == 5, "gone by age")
        fill("e")
        cache.removeAll()
        #expect(found.events == Array(repeating: true, count: 6))
        #expect(cache.counts.entries == 0)
    }
}
