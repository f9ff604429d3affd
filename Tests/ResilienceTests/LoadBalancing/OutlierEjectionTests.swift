import Testing

@testable import Resilience

@Suite struct OutlierEjectionTests {
    private static let second: Int64 = 1_000_000_000

    private func ejection(_ policy: OutlierEjectionPolicy, targets: Int = 10) -> OutlierEjection {
        OutlierEjection(policy, targets: targets, chance: Chance(seed: 1), at: 0)
    }

    private func fail(_ ejection: inout OutlierEjection, _ slot: Int, _ times: Int, at now: Int64) {
        for _ in 0..<times { ejection.record(failed: true, of: slot, at: now) }
    }

    @Test func `failures in a row eject, and a success in between starts again`() {
        var ejection = ejection(OutlierEjectionPolicy(jitter: .zero))
        fail(&ejection, 3, 4, at: 0)
        ejection.record(failed: false, of: 3, at: 0)
        fail(&ejection, 3, 4, at: 0)
        #expect(ejection.ejected == 0)
        fail(&ejection, 3, 1, at: 0)
        #expect(ejection.isEjected(3) && ejection.remaining(3, at: 0) == 30 * Self.second)
    }

    @Test func `each ejection is longer, up to the maximum, and healthy time is forgiven`() {
        var ejection = ejection(OutlierEjectionPolicy(jitter: .zero)), now: Int64 = 0
        for number in 1...15 {
            fail(&ejection, 0, 5, at: now)
            let time = ejection.remaining(0, at: now)
            #expect(time == min(Int64(number) * 30, 300) * Self.second)
            now += time
            ejection.advance(to: now)
            #expect(!ejection.isEjected(0))
        }
        // Two intervals of health forgive two ejections of 15; twenty forgive all.
        fail(&ejection, 0, 5, at: now + 130 * Self.second)
        #expect(ejection.remaining(0, at: now + 130 * Self.second) == 90 * Self.second)
        now += 220 * Self.second
        ejection.advance(to: now)
        fail(&ejection, 0, 5, at: now + 1000 * Self.second)
        #expect(ejection.remaining(0, at: now + 1000 * Self.second) == 30 * Self.second)
    }

    @Test func `jitter lengthens an ejection, differently for each`() {
        var ejection = ejection(OutlierEjectionPolicy(maximumShare: 1))
        for slot in 0..<9 { fail(&ejection, slot, 5, at: 0) }
        let times = Set((0..<9).map { ejection.remaining($0, at: 0) })
        #expect(times.count == 9 && times.allSatisfy { (30 * Self.second..<33 * Self.second).contains($0) })
    }

    @Test(arguments: [
        (1, 0.1, 0), (1, 1, 0), (2, 0.1, 1), (3, 1, 2), (10, 0.1, 1), (10, 0.3, 3), (10, 0, 0),
        (20, 0.99, 19),
    ])
    func `at most a share of the targets is ejected, and never the last one`(
        targets: Int, share: Double, most: Int
    ) {
        var ejection = ejection(OutlierEjectionPolicy(maximumShare: share), targets: targets)
        for slot in 0..<targets { fail(&ejection, slot, 50, at: 0) }
        #expect(ejection.ejected == most)
    }

    @Test func `the success rate ejects the one that is far below the others`() {
        var ejection = ejection(OutlierEjectionPolicy(consecutiveFailures: nil, jitter: .zero))
        for call in 0..<100 {
            for slot in 0..<10 { ejection.record(failed: call % (slot == 4 ? 2 : 50) == 0, of: slot, at: 5) }
        }
        #expect(ejection.ejected == 0)
        ejection.advance(to: 10 * Self.second)
        #expect(ejection.isEjected(4) && ejection.ejected == 1)
    }

    @Test(arguments: [(4, 100, 0), (10, 99, 0), (10, 100, 1)])
    func `success rates need enough targets and enough calls`(targets: Int, calls: Int, ejected: Int) {
        var ejection = ejection(OutlierEjectionPolicy(consecutiveFailures: nil), targets: targets)
        for _ in 0..<calls {
            for slot in 0..<targets { ejection.record(failed: slot == 0, of: slot, at: 5) }
        }
        ejection.advance(to: 10 * Self.second)
        #expect(ejection.ejected == ejected)
    }

    @Test func `equal success rates eject nobody`() {
        for failures in 0...100 {
            var ejection = ejection(OutlierEjectionPolicy(consecutiveFailures: nil))
            for call in 0..<100 {
                for slot in 0..<10 { ejection.record(failed: call < failures, of: slot, at: 5) }
            }
            ejection.advance(to: 10 * Self.second)
            #expect(ejection.ejected == 0, "\(failures) failures")
        }
    }

    @Test(arguments: Array<UInt64>(1...20))
    func `in random traffic someone is always left and the share holds`(seed: UInt64) {
        var chance = Chance(seed: seed), now: Int64 = 0, targets = 8
        var ejection = ejection(OutlierEjectionPolicy(minimumCalls: 5, maximumShare: 0.6), targets: targets)
        for _ in 0..<3000 {
            now += Int64(chance.next() % UInt64(Self.second))
            let slot = Int(chance.next() % UInt64(targets))
            ejection.record(failed: chance.unit() < Double(slot + 1) / 9, of: slot, at: now)
            if chance.next() % 200 == 0 {
                let kept = (0..<targets).filter { _ in chance.next() % 4 > 0 }
                ejection.rearrange(kept.map { $0 } + [nil])
                targets = kept.count + 1
                if targets < 4 {
                    ejection.rearrange((0..<targets).map { $0 } + [nil, nil, nil])
                    targets += 3
                }
            }
            let left = (0..<targets).count { !ejection.isEjected($0) }
            #expect(left >= 1 && targets - left == ejection.ejected, "seed \(seed)")
            #expect(ejection.ejected <= max(1, targets * 6 / 10), "seed \(seed)")
        }
        ejection.advance(to: now + 304 * Self.second)
        #expect(ejection.ejected == 0)
    }

    @Test func `settings out of their ranges do no harm`() {
        let policy = OutlierEjectionPolicy(
            consecutiveFailures: -1, deviations: .nan, minimumCalls: .min, minimumTargets: .max,
            interval: .zero, base: .unbounded, maximum: .unbounded, jitter: .unbounded, maximumShare: 5)
        for moment in [Int64.min, 0, .max / 2, .max] {
            var ejection = OutlierEjection(policy, targets: 3, chance: Chance(seed: 1), at: moment)
            for now in [Int64.min, 0, .max] { for slot in 0..<3 { fail(&ejection, slot, 3, at: now) } }
            #expect(ejection.ejected <= 2)
        }
    }
}
