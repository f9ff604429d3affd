import ResilienceTesting
import Synchronization

@testable import Resilience

extension Scenario {
    static let cache = Scenario("single flight of the cache") { simulation in
        let scene = CacheScene(simulation, tier: nil)
        simulation.crowd(10, calls: 2) { try await scene.call($0) }
        await simulation.untilIdle()
        scene.end()
    }

    static let tieredCache = Scenario("cache over a second tier") { simulation in
        let scene = CacheScene(simulation, tier: SimulatedTier(simulation))
        simulation.crowd(8, calls: 2) { try await scene.call($0) }
        await simulation.untilIdle()
        scene.end()
    }
}

/// A value that says where it came from.
struct Loaded: Sendable, Hashable {
    var key: Int
    var at: Instant
}

/// Callers that ask for few keys, whose loads take their time, fail, give up and are abandoned.
private final class CacheScene: Sendable {
    private struct Loads {
        var begun = 0
        /// The loads of each key that are under way and wanted.
        var wanted: [Int: Set<Int>] = [:]
        /// Whose load it was that gave up.
        var givenUp: Set<Int> = []
        /// The keys of failures.
        var failures: [Int: Int] = [:]
    }

    private let simulation: Simulation
    private let policy: CachePolicy
    private let cache: Cache<Int, Loaded>
    private let loads = Book(Loads())
    private let calls = Book(0)
    private let hasTier: Bool
    /// Whether keys are removed: a load under way then goes on for its waiters, beside newer ones.
    private let removes: Bool
    /// Whether each key has at most one load.
    private var isSingle: Bool { policy.maximumLoads > 1 && !removes }

    init(_ simulation: Simulation, tier: SimulatedTier?) {
        self.simulation = simulation
        var policy = CachePolicy(
            freshFor: .milliseconds(4), staleWhileRevalidate: simulation.one(of: [.zero, .milliseconds(6)]),
            staleIfError: simulation.one(of: [.zero, .milliseconds(12)]))
        policy.jitter = 0
        policy.pauseAfterFailure = .milliseconds(2)
        policy.maximumLoads = simulation.one(of: [1, 1000, 1000])
        policy.tierTimeout = .milliseconds(5)
        self.policy = policy
        hasTier = tier != nil
        removes = simulation.below(3) == 0
        cache = Cache(
            policy: policy, tier: tier, time: simulation.time, chance: simulation.chance(),
            spawner: simulation.spawner)
    }

    func call(_ caller: Int) async throws {
        let key = simulation.below(2),
            number = calls {
                $0 += 1; return $0
            }
        if removes, simulation.below(6) == 0 { await cache.remove(key) }
        if simulation.below(10) == 0 { return try await callCancelled(key) }
        let begun = simulation.time.now
        do {
            let answer = try await cache.answer(for: key) { key in try await self.load(key, for: number) }
            check(answer, key, since: begun)
        } catch is CancellationError {
            let isOwn = loads { $0.givenUp.contains(number) }
            simulation.expect(isOwn || Task.isCancelled, "call \(number) got the cancellation of another")
        } catch let failure as InjectedFailure {
            simulation.expect(loads { $0.failures[failure.number] } == key, "the error of another key")
        } catch {
            simulation.expect(false, "unexpected: \(error)")
        }
        try Task.checkCancellation()
    }

    /// Calls when it is cancelled already: nothing runs and nothing is counted.
    private func callCancelled(_ key: Int) async throws {
        withUnsafeCurrentTask { $0?.cancel() }
        let before = cache.counts
        do {
            _ = try await cache.value(for: key) { [simulation] key in
                simulation.expect(false, "a cancelled call loads")
                return Loaded(key: key, at: simulation.time.now)
            }
            simulation.expect(false, "a cancelled call was answered")
        } catch {
            simulation.expect(error is CancellationError, "unexpected: \(error)")
        }
        simulation.expect(cache.counts == before, "a cancelled call was counted")
        throw CancellationError()
    }

    private func load(_ key: Int, for call: Int) async throws -> Loaded {
        let id = loads { loads in
            loads.begun += 1
            let isAlone = loads.wanted[key, default: []].isEmpty
            simulation.expect(!isSingle || isAlone, "two loads of \(key) at a time")
            simulation.expect(!isSingle || !Task.isCancelled, "a load begins that nobody waits for")
            if !Task.isCancelled { loads.wanted[key, default: []].insert(loads.begun) }
            return loads.begun
        }
        return try await withTaskCancellationHandler {
            defer { loads { _ = $0.wanted[key]?.remove(id) } }
            do { try await simulation.hazard() } catch let failure as InjectedFailure {
                loads { $0.failures[failure.number] = key }
                throw failure
            }
            if simulation.below(6) == 0 {
                loads { _ = $0.givenUp.insert(call) }
                throw CancellationError()
            }
            return Loaded(key: key, at: simulation.time.now)
        } onCancel: {
            loads { _ = $0.wanted[key]?.remove(id) }
        }
    }

    private func check(_ answer: Cache<Int, Loaded>.Answer, _ key: Int, since begun: Instant) {
        simulation.expect(answer.value.key == key, "\(key) got the value of \(answer.value.key)")
        // A second tier may take its time to tell an age.
        let slack = hasTier ? simulation.policy.longestDelay + policy.tierTimeout : .zero
        let age = begun.since(answer.value.at) - slack
        let bound = answer.isStale ? policy.freshFor + policy.staleFor : policy.freshFor
        simulation.expect(age < bound, "a value of \(age), stale: \(answer.isStale)")
    }

    func end() {
        let counts = cache.counts, begun = loads { $0.begun }
        simulation.expect(counts.loading == 0, "\(counts.loading) loads never end")
        simulation.expect(begun <= counts.loads, "\(begun) loads, of which \(counts.loads) are known")
        simulation.expect(loads { $0.wanted.values.allSatisfy(\.isEmpty) }, "a load runs on")
    }
}

/// A second tier that waits and fails.
private final class SimulatedTier: CacheTier {
    private let simulation: Simulation
    private let kept = Book([Int: Loaded]())

    init(_ simulation: Simulation) { self.simulation = simulation }

    func get(_ key: Int) async throws -> CacheTierEntry<Loaded>? {
        try await simulation.hazard()
        return kept { $0[key] }.map { CacheTierEntry($0, age: simulation.time.now.since($0.at)) }
    }

    func set(_ value: Loaded, for key: Int, lifetime: Duration) async throws {
        try await simulation.hazard()
        kept { $0[key] = value }
    }

    func remove(_ key: Int) async throws {
        try await simulation.hazard()
        kept { _ = $0.removeValue(forKey: key) }
    }
}
