import Testing

@testable import Resilience

/// A cache against what it must have been told.
@Suite struct CachePropertyTests {
    private typealias Machine = Cache<Int, Int>.StateMachine

    private struct Model {
        struct Entry {
            var value: Int
            var storedAt: Instant
        }

        var policy: CachePolicy
        /// What was last stored of each key, kept or not.
        var stored: [Int: Entry] = [:]
        var now = Instant()

        func age(_ key: Int) -> Duration? { stored[key].map { now.since($0.storedAt) } }

        /// Whether an answer from the cache may be what it is.
        func allows(_ key: Int, _ answer: Cache<Int, Int>.Answer) -> Bool {
            guard let age = age(key), stored[key]?.value == answer.value else { return false }
            return age < policy.freshFor + policy.staleFor && answer.isStale == (age >= policy.freshFor)
        }
    }

    private struct Run {
        var machine: Machine
        var model: Model
        var chance: Chance
        /// The loads in flight, with their keys.
        var flights: [UInt64: Int] = [:]
        /// Those whose key was put or removed since: what they bring is not to be kept.
        var detached: Set<UInt64> = []
        var waiters: [UInt64: Int] = [:]
        var next = 0
        var delivered = 0
        let seed: UInt64

        init(seed: UInt64) {
            self.seed = seed
            chance = Chance(seed: seed)
            var policy = CachePolicy(capacity: 1 + Int(chance.next() % 60), freshFor: .seconds(10))
            policy.staleWhileRevalidate = .seconds(Int(chance.next() % 10))
            policy.staleIfError = .seconds(Int(chance.next() % 20))
            policy.jitter = 0
            policy.maximumLoads = 1 + Int(chance.next() % 8)
            machine = Machine(policy, chance: Chance(seed: seed))
            model = Model(policy: policy)
        }

        mutating func draw(_ bound: Int) -> Int { Int(chance.next() % UInt64(bound)) }

        mutating func start(_ start: Cache<Int, Int>.Start, _ key: Int) {
            if let old = start.replaces {
                flights[old] = nil
                if detached.remove(old) != nil { detached.insert(start.flight) }
            }
            flights[start.flight] = key
            let current = flights.count { $0.value == key && !detached.contains($0.key) }
            #expect(current <= 1, "a key has two loads, seed \(seed)")
        }

        mutating func detach(_ key: Int, _ abandoned: UInt64?) {
            if let abandoned { flights[abandoned] = nil }
            for flight in flights where flight.value == key { detached.insert(flight.key) }
        }

        mutating func ask(_ key: Int) {
            if let value = machine.hit(key, at: model.now) {
                #expect(model.allows(key, .init(value, isStale: false)), "seed \(seed)")
                return
            }
            switch machine.get(key, at: model.now) {
            case .serve(let answer): #expect(model.allows(key, answer), "seed \(seed)")
            case .fail: Issue.record("no error was to be remembered, seed \(seed)")
            case .refresh(let answer, let begun):
                #expect(model.allows(key, answer), "seed \(seed)")
                start(begun, key)
            case .begin(let begun, let waiter):
                waiters[waiter] = key
                start(begun, key)
            case .join(let waiter): waiters[waiter] = key
            case .alone: #expect(flights.count >= model.policy.maximumLoads, "seed \(seed)")
            }
        }

        mutating func finish() {
            guard let (flight, key) = flights.min(by: { $0.key < $1.key }) else { return }
            flights[flight] = nil
            next += 1
            let kind = draw(8), weight = 1 + draw(12)
            let outcome: Cache<Int, Int>.Outcome =
                switch kind {
                case 0, 1: .failure(Unexpected())
                case 2: .cancelled
                default: .value(next, weight: weight)
                }
            guard let ending = machine.finish(flight, outcome, at: model.now) else { return }
            if kind > 2, !detached.contains(flight) {
                model.stored[key] = Model.Entry(value: next, storedAt: model.now)
            }
            for waiter in ending.waiters {
                #expect(waiters.removeValue(forKey: waiter) == key, "seed \(seed)")
                delivered += 1
                guard kind <= 2, case .success(let answer) = ending.delivery else { continue }
                #expect(model.allows(key, answer), "seed \(seed)")
            }
            if let restart = ending.restart { start(restart, key) }
        }

        mutating func withdraw() {
            guard let waiter = waiters.keys.min() else { return }
            waiters[waiter] = nil
            let (waited, abandoned) = machine.withdraw(waiter)
            #expect(waited, "seed \(seed)")
            if let abandoned { flights[abandoned] = nil }
        }

        mutating func step() {
            let key = draw(12)
            switch draw(20) {
            case 0..<9: ask(key)
            case 9..<14: finish()
            case 14, 15: model.now = model.now.advanced(by: .milliseconds(draw(4000)))
            case 16: withdraw()
            case 17:
                next += 1
                detach(key, machine.put(key, next, weight: 1 + draw(12), at: model.now))
                model.stored[key] = Model.Entry(value: next, storedAt: model.now)
            case 18:
                detach(key, machine.remove(key))
                model.stored[key] = nil
            default:
                for flight in flights.keys.sorted() {
                    guard let ending = machine.expire(flight, at: model.now) else { continue }
                    let key = flights.removeValue(forKey: flight) ?? 0
                    if let restart = ending.restart { start(restart, key) }
                }
            }
        }

        func check() {
            let residents = machine.residents, counts = machine.counts
            #expect(counts.weight <= model.policy.capacity, "seed \(seed)")
            #expect(residents.weights.window <= residents.windowLimit, "seed \(seed)")
            #expect(residents.weights.protected <= residents.protectedLimit, "seed \(seed)")
            #expect(counts.entries <= counts.weight, "seed \(seed)")
            #expect(
                counts.loading == flights.count && counts.loading <= model.policy.maximumLoads, "seed \(seed)"
            )
            for key in 0..<12 {
                if let answer = machine.peek(key, at: model.now) {
                    #expect(model.allows(key, answer), "seed \(seed)")
                }
            }
        }
    }

    @Test(arguments: 0..<20)
    func `it serves only what was stored last and is not gone, and keeps its bounds`(seed: Int) {
        var run = Run(seed: UInt64(seed))
        for _ in 0..<600 {
            run.step()
            run.check()
        }
        // Every load ends: nobody is left waiting.
        var rounds = Rounds()
        while !run.flights.isEmpty, rounds.another() { run.finish() }
        #expect(run.waiters.isEmpty && run.machine.counts.loading == 0, "seed \(seed)")
        #expect(run.delivered > 0 && run.machine.counts.hits > 0, "seed \(seed)")
    }

    @Test func `settings and times at the ends of their ranges do no harm`() {
        let times: [Duration] = [.seconds(Int64.min), .seconds(-1), .zero, .unbounded, .seconds(Int64.max)]
        let moments = [Duration.zero, .seconds(1), .unbounded, .zero].map(Instant.init(sinceOrigin:))
        for (time, jitter) in times.flatMap({ time in [-1, 0.5, 9, .nan, .infinity].map { (time, $0) } }) {
            for size in [Int.min, 0, 1, .max] {
                var policy = CachePolicy(
                    capacity: size, freshFor: time, staleWhileRevalidate: time, staleIfError: time)
                (policy.jitter, policy.maximumLoads) = (jitter, size)
                (policy.pauseAfterFailure, policy.errorsFor) = (time, time)
                var machine = Machine(policy, chance: Chance(seed: 1)), flights: [UInt64] = []
                for now in moments {
                    for key in 0..<3 {
                        switch machine.get(key, at: now) {
                        case .begin(let start, _), .refresh(_, let start): flights.append(start.flight)
                        case .serve, .fail, .join, .alone: break
                        }
                        _ = machine.put(key + 3, 1, weight: size, at: now)
                    }
                    for flight in flights { _ = machine.expire(flight, at: now) }
                    for (index, flight) in flights.enumerated() {
                        let outcomes: [Cache<Int, Int>.Outcome] = [
                            .value(1, weight: size, age: time), .failure(Unexpected(), remember: true),
                            .cancelled,
                        ]
                        _ = machine.finish(flight, outcomes[index % 3], at: now)
                    }
                    #expect(machine.counts.weight <= max(1, size))
                }
                _ = machine.removeAll()
                #expect(machine.counts.entries == 0 && machine.counts.weight == 0)
            }
        }
    }
}
