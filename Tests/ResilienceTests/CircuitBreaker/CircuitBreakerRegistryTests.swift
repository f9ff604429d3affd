import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct CircuitBreakerRegistryTests {
    private typealias Fixture = BreakerFixture

    private let clock = VirtualClock()
    private let events = Recorder<String>()

    private func registry(
        limit: Int = 3, own: [Int: CircuitBreakerPolicy] = [:],
        _ change: (inout CircuitBreakerPolicy) -> Void = { _ in }
    ) -> CircuitBreakerRegistry<Int> {
        let events = events
        return CircuitBreakerRegistry(
            Fixture.policy(change), own: own, limit: limit, time: TimeSource(clock), chance: Chance(seed: 1),
            title: { "host \($0)" },
            onEvent: { key, event in events.record("\(key) \(event.breaker) \(event.to)") })
    }

    private func trip(_ breaker: CircuitBreaker) throws {
        for _ in 0..<2 {
            let permit = try breaker.admit()
            permit.settle(.failure())
        }
    }

    private func keys(_ registry: CircuitBreakerRegistry<Int>) -> [Int] { registry.all.map(\.key) }

    @Test func `a key has one breaker, made at its first use and named after it`() throws {
        let registry = registry()
        let breaker = registry[7]
        #expect(breaker === registry[7] && breaker.name == "host 7" && registry.count == 1)
        #expect(registry.existing(8) == nil)
        try trip(breaker)
        #expect(events.events == ["7 host 7 open"])
        #expect(registry[8].snapshot.state == .closed)
    }

    @Test func `the breaker that was used the longest time ago leaves first`() {
        let registry = registry()
        for key in [1, 2, 3, 1, 4] { _ = registry[key] }
        #expect(keys(registry) == [4, 1, 3])
        _ = registry.existing(3)
        _ = registry[5]
        #expect(keys(registry) == [5, 4, 1])
        #expect(registry.turnover == (5, 2, 0))
    }

    @Test func `one that is open, isolated, switched off or watched by hand does not leave`() throws {
        for hold in [
            { $0.open() }, { $0.isolate() }, { $0.disable() }, { $0.shadow() }, { $0.enforce() },
        ] as [(CircuitBreaker) -> Void] {
            let registry = registry(limit: 2)
            hold(registry[1])
            for key in 2...10 { _ = registry[key] }
            #expect(keys(registry) == [10, 1])
        }
    }

    @Test func `one that somebody refers to does not leave, so that a key never has two`() async throws {
        let registry = registry(limit: 2), kept = registry[1]
        for key in 2...10 { _ = registry[key] }
        #expect(registry[1] === kept)
        // A call in flight refers to it, even if nobody else does.
        try await registry[20].run {
            for key in 30...40 { _ = registry[key] }
            #expect(registry.existing(20) != nil)
        }
        let permit = try registry[50].admit()
        for key in 60...70 { _ = registry[key] }
        #expect(registry.existing(50) != nil)
        permit.settle(.success)
        withExtendedLifetime(kept) {}
    }

    @Test func `if there is no closed one, one whose open time is over leaves`() {
        let registry = registry(limit: 2)
        registry[1].open(for: .seconds(5))
        registry[2].open(for: .seconds(60))
        clock.advance(by: .seconds(5))
        _ = registry[3]
        #expect(keys(registry) == [3, 2])
    }

    @Test func `none leaves while its open time lasts, even if all are open`() {
        let registry = registry(limit: 2)
        for key in 1...2 { registry[key].open(for: .seconds(5)) }
        clock.advance(by: .milliseconds(4999))
        _ = registry[3]
        #expect(keys(registry) == [2, 1] && registry.turnover.unkept == 1)
    }

    @Test func `if none may leave the new one is not kept`() {
        let registry = registry(limit: 2)
        for key in 1...2 { registry[key].isolate() }
        let new = registry[3]
        #expect(new !== registry[3] && registry.count == 2 && registry.turnover.unkept == 2)
        registry[1].close()
        #expect(registry[3] === registry[3] && keys(registry) == [3, 2])
    }

    @Test func `policies change for all keys, and what is known stays`() throws {
        let registry = registry(own: [1: Fixture.policy { $0.minimumCalls = 50 }])
        try trip(registry[2])
        let permit = try registry[3].admit()
        permit.settle(.failure())
        registry.reconfigure(
            Fixture.policy { $0.minimumCalls = 1 }, own: [2: Fixture.policy { $0.minimumCalls = 9 }])
        #expect((1...4).map { registry.policy(of: $0).minimumCalls } == [1, 9, 1, 1])
        #expect((1...4).map { registry[$0].policy.minimumCalls } == [1, 9, 1, 1])
        #expect(registry.existing(2)?.snapshot.state == .open && registry.existing(3)?.snapshot.failures == 1)
        registry.reconfigure(3, Fixture.policy { $0.minimumCalls = 7 })
        #expect(registry[3].policy.minimumCalls == 7)
        registry.reconfigure(3, nil)
        #expect(registry[3].policy.minimumCalls == 1)
    }

    @Test func `a callback may use the registry`() throws {
        let holder = Recorder<CircuitBreakerRegistry<Int>>(), seen = Recorder<Int>()
        let registry = CircuitBreakerRegistry<Int>(
            Fixture.policy { $0.verdict = .consecutiveSuccesses(2) }, time: TimeSource(clock),
            onEvent: { _, _ in seen.record(holder.events.first?.count ?? 0) })
        holder.record(registry)
        try trip(registry[1])
        clock.advance(by: .seconds(5))
        let probe = try registry[1].admit()
        probe.settle(.success)
        // One good probe is enough from now on.
        registry.reconfigure(Fixture.policy())
        #expect(registry[1].snapshot.state == .closed && seen.events == [1, 1, 1])
    }

    @Test func `a lower limit lets breakers leave at once`() {
        let registry = registry(limit: 100)
        for key in 1...100 { _ = registry[key] }
        registry[1].isolate()
        registry.reconfigure(Fixture.policy(), limit: 10)
        #expect(registry.count == 10 && registry.existing(1) != nil && registry.existing(92) != nil)
    }

    @Test func `what all breakers remember can be taken up by another registry`() throws {
        let old = registry()
        try trip(old[1])
        _ = old[2]
        let new = registry()
        new.restore(old.memories)
        #expect(new.count == 2 && new[1].snapshot.state == .open && new[2].snapshot.state == .closed)
    }

    @Test func `a removed breaker is forgotten, whatever its state`() {
        let registry = registry()
        registry[1].isolate()
        #expect(registry.remove(1)?.snapshot.state == .isolated && registry.remove(1) == nil)
        #expect(registry[1].snapshot.state == .closed && registry.count == 1)
    }

    @Test func `an unknown key costs no more looks among ten thousand that may not leave than among few`() {
        func looks(_ size: Int) -> Int {
            let registry = registry(limit: size)
            for key in 0..<size { registry[key].open(for: .seconds(60)) }
            let before = registry.looks
            for key in 0..<100 { _ = registry[size + key] }
            #expect(registry.turnover.unkept == 100 && registry.count == size)
            return registry.looks - before
        }
        let few = looks(1250), many = looks(10_000)
        #expect(few == many && many <= 3200)
    }

    @Test func `one that may leave is found behind any number that may not`() throws {
        let registry = registry(limit: 1000)
        for key in 0..<1000 {
            if key == 900 { _ = registry[key] } else { registry[key].isolate() }
        }
        var key = 1000
        while registry.existing(900) != nil, key < 1100 {
            _ = registry[key]
            key += 1
        }
        #expect(registry.existing(900) == nil && registry.turnover.left == 1 && registry.count == 1000)
        // It goes on where it left off: what may leave beside the last one does so at once.
        let looks = registry.looks
        _ = registry[901]
        registry.existing(902)?.close()
        _ = registry[2000]
        #expect(registry.existing(2000) != nil && registry.looks - looks == 1)
    }

    @Test func `after a lower limit all leave that are too many, as soon as they may`() {
        let registry = registry(limit: 10)
        for key in 1...10 { registry[key].isolate() }
        registry.reconfigure(Fixture.policy(), limit: 4)
        #expect(registry.count == 10)
        for key in 1...8 { registry[key].close() }
        _ = registry[11]
        #expect(keys(registry) == [11, 8, 10, 9])
    }

    @Test func `the order of use equals a plain list's, whatever is done`() {
        for seed in 0..<200 {
            var chance = Chance(seed: UInt64(seed)), model: [Int] = []
            let registry = registry(limit: 5)
            for _ in 0..<200 {
                let key = Int(chance.next() % 12)
                if chance.next() % 8 == 0 {
                    registry.remove(key)
                    model.removeAll { $0 == key }
                } else {
                    _ = registry[key]
                    model = Array(([key] + model.filter { $0 != key }).prefix(5))
                }
                guard keys(registry) == model else {
                    Issue.record("seed \(seed): \(keys(registry)), not \(model)")
                    return
                }
            }
        }
    }

    @Test func `many threads get the same breaker of a key`() async {
        let registry = registry(limit: 100) { $0.window = .calls(100) }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { @concurrent in
                    for key in 0..<100 { _ = try? await registry[key].run { key } }
                }
            }
        }
        #expect(registry.count == 100 && registry.turnover.made == 100)
        #expect(registry.all.reduce(0) { $0 + $1.breaker.snapshot.calls } == 800)
    }
}
