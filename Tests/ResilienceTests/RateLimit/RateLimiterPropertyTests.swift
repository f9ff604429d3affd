import Testing

@testable import Resilience

/// Checks what a mutating call has answered, which the macro cannot call.
func expect(_ holds: Bool, _ comment: Comment? = nil, at location: SourceLocation = #_sourceLocation) {
    #expect(holds, comment, sourceLocation: location)
}

/// Random traffic on the state machine, after which every window is looked at.
@Suite struct RateLimiterPropertyTests {
    private struct Passed {
        var time: Int64
        var permits: Int
    }

    /// Plays calls that do not wait, wait, are cancelled and reserve, with the waiters' time moving as they would.
    private struct Traffic {
        var machine: RateLimiter.StateMachine
        var chance: Chance
        var now: Int64 = 0
        var passed: [Passed] = []
        var waiting: [UInt64: (due: Int64, permits: Int)] = [:]
        var gap: Int64
        var mostPermits: Int
        var reserves: Bool

        mutating func play(_ steps: Int) {
            for _ in 0..<steps {
                move(by: chance.next() % 20 == 0 ? gap * 40 : Int64(chance.next() % UInt64(gap * 2 + 1)))
                let permits = 1 + Int(chance.next() % UInt64(mostPermits))
                switch chance.next() % 10 {
                case 0..<5: if machine.acquire(permits, at: now) { pass(permits, at: now) }
                case 5..<8: enter(permits)
                case 8 where reserves:
                    if let wait = machine.reserve(permits, upTo: gap * 20, at: now) {
                        pass(permits, at: now + wait)
                        noteMoves()
                    }
                default: cancelOne()
                }
            }
            move(by: 1 << 52)
        }

        mutating func pass(_ permits: Int, at time: Int64) {
            passed.append(Passed(time: time, permits: permits))
        }

        mutating func enter(_ permits: Int) {
            switch machine.enter(permits, upTo: gap * 100, at: now) {
            case .passed: pass(permits, at: now)
            case .queued(let id, let due): waiting[id] = (due, permits)
            case .refused: break
            }
        }

        mutating func cancelOne() {
            let ids = waiting.keys.sorted()
            guard !ids.isEmpty else { return }
            let id = ids[Int(chance.next() % UInt64(ids.count))]
            waiting[id] = nil
            expect(machine.cancel(id, at: now))
            noteMoves()
        }

        mutating func noteMoves() {
            for move in machine.takeMoves() {
                #expect(move.due < waiting[move.id]?.due ?? 0, "a waiter only ever moves up")
                waiting[move.id]?.due = move.due
            }
        }

        mutating func move(by time: Int64) {
            now += time
            while let (id, waiter) = waiting.min(by: { ($0.value.due, $0.key) < ($1.value.due, $1.key) }),
                waiter.due <= now
            {
                expect(machine.pass(id, due: waiter.due))
                pass(waiter.permits, at: waiter.due)
                waiting[id] = nil
                noteMoves()
            }
        }
    }

    private static let seeds = Array<UInt64>(1...40)

    private func traffic(_ policy: RateLimitPolicy, _ seed: UInt64, gap: Int64, most: Int) -> Traffic {
        var traffic = Traffic(
            machine: RateLimiter.StateMachine(policy), chance: Chance(seed: seed), gap: gap,
            mostPermits: most, reserves: seed % 2 == 0)
        traffic.play(1500)
        traffic.passed.sort { $0.time < $1.time }
        #expect(traffic.waiting.isEmpty && traffic.machine.waiting == 0)
        return traffic
    }

    @Test(arguments: seeds) func `a token bucket never lets more through than it held and was given`(
        seed: UInt64
    ) {
        // A rate that does not divide a second, so that rounding would show.
        let policy = RateLimitPolicy(permits: 7, per: .microseconds(100), capacity: 5)
        let traffic = traffic(policy, seed, gap: 14_000, most: 3)
        // With S(t) the permits up to t: S(j) - S(i) <= capacity + rate * (tj - ti), for all i before j.
        var taken = 0, least = Int.max
        for call in traffic.passed {
            let given = Int(call.time) * 7
            least = min(least, taken * 100_000 - given)
            taken += call.permits
            #expect(taken * 100_000 - given - least <= 5 * 100_000, "seed \(seed) at \(call.time)")
        }
        #expect(taken > 1000, "the limiter lets through what it may")
    }

    @Test(arguments: seeds) func `no window of a sliding window holds more than the limit`(seed: UInt64) {
        for (permits, most) in [(6, 3), (5000, 900)] {
            let policy = RateLimitPolicy(permits: permits, per: .microseconds(100), algorithm: .slidingWindow)
            let traffic = traffic(policy, seed, gap: 14_000, most: most)
            var first = 0, inside = 0, all = 0
            for call in traffic.passed {
                while call.time - traffic.passed[first].time >= 100_000 {
                    inside -= traffic.passed[first].permits
                    first += 1
                }
                inside += call.permits
                all += call.permits
                #expect(inside <= permits, "seed \(seed), limit \(permits), at \(call.time)")
            }
            #expect(all > permits * 100)
        }
    }

    @Test(arguments: seeds) func `no period of cycles holds more than the limit`(seed: UInt64) {
        let policy = RateLimitPolicy(permits: 6, per: .microseconds(100), algorithm: .cycles)
        let traffic = traffic(policy, seed, gap: 14_000, most: 3)
        var taken: [Int64: Int] = [:]
        for call in traffic.passed { taken[call.time / 100_000, default: 0] += call.permits }
        // What was left of a period may serve the beginning of a request that passes in the next one.
        #expect(taken.values.allSatisfy { $0 <= 6 + 2 }, "seed \(seed)")
        #expect(taken.values.reduce(0, +) <= 6 * (1 + Int((traffic.passed.last?.time ?? 0) / 100_000)))
    }

    @Test(arguments: seeds)
    func `a reconfigured limiter still lets everybody through, no later than promised`(
        seed: UInt64
    ) {
        for algorithm in [RateLimitPolicy.Algorithm.tokenBucket, .slidingWindow, .cycles] {
            var chance = Chance(seed: seed)
            var policy = RateLimitPolicy(permits: 10, per: .microseconds(100), algorithm: algorithm)
            var traffic = Traffic(
                machine: RateLimiter.StateMachine(policy), chance: Chance(seed: seed), gap: 14_000,
                mostPermits: 3,
                reserves: false)
            for _ in 0..<60 {
                for _ in 0..<8 { traffic.enter(1 + Int(chance.next() % 4)) }
                policy.permits = 1 + Int(chance.next() % 30)
                policy.period = .microseconds(20 + Int64(chance.next() % 300))
                policy.capacity = chance.next() % 2 == 0 ? nil : 1 + Int(chance.next() % 5)
                if chance.next() % 10 == 0 {
                    policy.algorithm = [.tokenBucket, .slidingWindow, .cycles][Int(chance.next() % 3)]
                }
                traffic.machine.reconfigure(policy, at: traffic.now)
                traffic.noteMoves()
                traffic.move(by: Int64(chance.next() % 100_000))
            }
            traffic.move(by: 1 << 50)
            #expect(traffic.machine.waiting == 0, "seed \(seed)")
            expect(traffic.machine.acquire(1, at: traffic.now), "seed \(seed)")
            #expect(traffic.machine.available == traffic.machine.plan.capacity - 1)
        }
    }

    // MARK: Reconfiguration

    /// Calls that do not wait, under a policy that changes all the time.
    private func reconfigured(
        _ algorithm: RateLimitPolicy.Algorithm, _ seed: UInt64
    ) -> (policies: [(since: Int64, plan: RateLimiter.Plan)], passed: [Passed]) {
        var chance = Chance(seed: seed), now: Int64 = 0, passed: [Passed] = []
        var policy = RateLimitPolicy(permits: 10, per: .microseconds(100), algorithm: algorithm)
        var machine = RateLimiter.StateMachine(policy)
        var policies: [(since: Int64, plan: RateLimiter.Plan)] = [(0, RateLimiter.Plan(policy))]
        for _ in 0..<1500 {
            now += Int64(chance.next() % 12_000)
            let permits = 1 + Int(chance.next() % 3)
            if machine.acquire(permits, at: now) { passed.append(Passed(time: now, permits: permits)) }
            guard chance.next() % 40 == 0 else { continue }
            policy.permits = 1 + Int(chance.next() % 20)
            policy.period = .microseconds(20 + Int64(chance.next() % 200))
            policy.capacity = chance.next() % 2 == 0 ? nil : 1 + Int(chance.next() % 8)
            machine.reconfigure(policy, at: now)
            policies.append((now, RateLimiter.Plan(policy)))
        }
        return (policies, passed)
    }

    @Test(arguments: seeds)
    func `a reconfigured token bucket never lets more through than it held and was given since`(seed: UInt64)
    {
        let (policies, passed) = reconfigured(.tokenBucket, seed)
        // A bucket without rounding that is filled by what each policy gave.
        var level = Double(policies[0].plan.capacity), time: Int64 = 0, taken = 0, next = passed[...]
        for (index, (_, plan)) in policies.enumerated() {
            let end = index + 1 < policies.count ? policies[index + 1].since : .max
            level = min(level, Double(plan.capacity))
            while let call = next.first, call.time <= end {
                level += Double(call.time - time) * Double(plan.permits) / Double(plan.period)
                level = min(level, Double(plan.capacity)) - Double(call.permits)
                #expect(level >= -1e-6, "seed \(seed) at \(call.time)")
                (time, taken, next) = (call.time, taken + call.permits, next.dropFirst())
            }
            guard end < .max else { break }
            level += Double(end - time) * Double(plan.permits) / Double(plan.period)
            level = min(level, Double(plan.capacity))
            time = end
        }
        #expect(next.isEmpty && taken > 300)
    }

    @Test(arguments: seeds)
    func `no window of a reconfigured sliding window holds more than the limit in force at its end`(
        seed: UInt64
    ) {
        let (policies, passed) = reconfigured(.slidingWindow, seed)
        for (index, call) in passed.enumerated() {
            let current = policies.lastIndex { $0.since < call.time } ?? 0
            // What a shorter period has forgotten cannot be counted again.
            let first = policies.lastIndex { $0.since < call.time - 250_000 } ?? 0
            let period = policies[first...current].reduce(.max) { min($0, $1.plan.period) }
            let inside = passed[...index].reversed().prefix { call.time - $0.time < period }
            let limit = policies[current].plan.permits
            #expect(inside.reduce(0) { $0 + $1.permits } <= limit, "seed \(seed) at \(call.time)")
        }
        #expect(passed.count > 300)
    }

    @Test func `what is promised stays promised when the algorithm changes`() {
        let all: [RateLimitPolicy.Algorithm] = [.tokenBucket, .slidingWindow, .cycles]
        for (from, to) in all.flatMap({ from in all.map { (from, $0) } }) where from != to {
            var machine = RateLimiter.StateMachine(
                RateLimitPolicy(permits: 10, per: .seconds(1), algorithm: from))
            // Ten pass now, and 30 are promised for the next three seconds.
            for _ in 0..<40 { expect(machine.reserve(1, upTo: .max, at: 0) != nil) }
            machine.reconfigure(RateLimitPolicy(permits: 10, per: .seconds(1), algorithm: to), at: 0)
            expect(!machine.acquire(1, at: 0), "\(from) to \(to)")
            expect(!machine.acquire(1, at: 2_900_000_000), "\(from) to \(to)")
            expect(machine.acquire(1, at: 4_000_000_000), "\(from) to \(to)")
        }
    }

    @Test(arguments: seeds.prefix(10))
    func `waiters that are cancelled in large windows never let more through than the limit`(seed: UInt64) {
        // Permits are remembered together here, so that a waiter's new moment may be later than its old one.
        let policy = RateLimitPolicy(permits: 1100, per: .microseconds(100), algorithm: .slidingWindow)
        var traffic = Traffic(
            machine: RateLimiter.StateMachine(policy), chance: Chance(seed: seed), gap: 300,
            mostPermits: 12, reserves: false)
        for _ in 0..<25 {
            for _ in 0..<60 {
                traffic.enter(1 + Int(traffic.chance.next() % 12))
                traffic.move(by: Int64(traffic.chance.next() % 400))
            }
            for _ in 0..<20 { traffic.cancelOne() }
        }
        traffic.move(by: 1 << 40)
        let passed = traffic.passed.sorted { $0.time < $1.time }
        var first = 0, inside = 0
        for call in passed {
            while call.time - passed[first].time >= 100_000 {
                inside -= passed[first].permits
                first += 1
            }
            inside += call.permits
            #expect(inside <= 1100, "seed \(seed) at \(call.time)")
        }
    }

    @Test func `numbers at the ends of their ranges do no harm`() {
        let sizes = [Int.min, -1, 0, 1, 7, 1 << 30, Int.max]
        let times = [Duration.zero, .nanoseconds(-5), .nanoseconds(1), .seconds(1), .unbounded]
        for algorithm in [RateLimitPolicy.Algorithm.tokenBucket, .slidingWindow, .cycles] {
            for size in sizes {
                for time in times {
                    let policy = RateLimitPolicy(
                        permits: size, per: time, algorithm: algorithm, capacity: size, initial: size,
                        maximumWaiters: size)
                    var machine = RateLimiter.StateMachine(policy, at: Int64(clamping: size))
                    for now in [Int64.min, 0, 1 << 40, .max / 2, .max] {
                        for permits in sizes {
                            _ = machine.acquire(permits, at: now)
                            _ = machine.reserve(permits, upTo: .max, at: now)
                            if case .queued(let id, _) = machine.enter(permits, upTo: .max, at: now) {
                                _ = machine.cancel(id, at: now)
                            }
                        }
                        machine.reconfigure(RateLimitPolicy(permits: 3, per: time), at: now)
                        machine.reconfigure(policy, at: now)
                    }
                }
            }
        }
    }
}
