import Foundation
import Testing

@testable import Resilience

@Suite struct RetryBanditTests {
    private typealias Bandit = RetryBandit<String>

    private static let arms = ["short", "long"]

    private static func at(_ seconds: Double) -> Instant { Instant(sinceOrigin: .seconds(seconds)) }

    private static func bandit(_ change: (inout RetryBanditPolicy) -> Void = { _ in }) -> Bandit {
        var policy = RetryBanditPolicy()
        change(&policy)
        return Bandit(arms: arms, policy: policy)
    }

    /// Chooses and settles so many times; an arm succeeds with its chance.
    private static func play(
        _ bandit: inout Bandit, _ count: Int, _ success: [Double], delays: [Double] = [0, 0],
        using chance: inout Chance, at now: Instant = at(0)
    ) -> [Int] {
        var chosen = success.map { _ in 0 }
        for _ in 0..<count {
            let choice = bandit.choose(for: "a", at: now, using: &chance)
            chosen[choice.arm] += 1
            bandit.settle(
                choice, succeeded: chance.unit() < success[choice.arm],
                addedDelay: .seconds(delays[choice.arm]), at: now)
        }
        return chosen
    }

    // MARK: Choosing

    @Test func `until thirty samples were noted the fallback is chosen, whatever it leads to`() {
        var bandit = Self.bandit { $0.fallback = 1 }, chance = Chance(seed: 1)
        for count in 0..<60 {
            let choice = bandit.choose(for: "a", at: Self.at(0), using: &chance)
            if count < 30 {
                #expect(choice == .init(key: "a", arm: 1, ground: .fallback), "after \(count) samples")
            } else {
                #expect(choice.ground != .fallback, "after \(count) samples")
            }
            bandit.settle(choice, succeeded: false, addedDelay: .zero, at: Self.at(0))
        }
        #expect(bandit.choose(for: "b", at: Self.at(0), using: &chance).ground == .fallback)
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `the arm that succeeds more often is found, and left when it gets worse`(seed: UInt64) {
        var bandit = Self.bandit(), chance = Chance(seed: seed)
        _ = Self.play(&bandit, 300, [0.2, 0.9], using: &chance)
        let before = Self.play(&bandit, 500, [0.2, 0.9], using: &chance)
        #expect(before[1] > 460, "seed \(seed): \(before)")
        _ = Self.play(&bandit, 1000, [0.9, 0.2], using: &chance)
        let after = Self.play(&bandit, 500, [0.9, 0.2], using: &chance)
        #expect(after[0] > 460, "seed \(seed): \(after)")
    }

    @Test func `of arms that succeed alike the one with the shorter delay is chosen`() {
        var bandit = Self.bandit(), chance = Chance(seed: 3)
        _ = Self.play(&bandit, 600, [0.9, 0.9], delays: [10, 0.1], using: &chance)
        let chosen = Self.play(&bandit, 500, [0.9, 0.9], delays: [10, 0.1], using: &chance)
        #expect(chosen[1] > 450, "\(chosen)")
        var indifferent = Self.bandit { $0.delayCost = 0 }
        let even = Self.play(&indifferent, 4000, [0.9, 0.9], delays: [10, 0.1], using: &chance)
        #expect(even[0] > 500, "\(even)")
    }

    @Test func `two of a hundred choices are made without regard to what was learned`() {
        var bandit = Self.bandit { $0.discount = 1 }, chance = Chance(seed: 4)
        _ = Self.play(&bandit, 2000, [0, 1], using: &chance)
        let choices = (0..<50_000).map { _ in bandit.choose(for: "a", at: Self.at(0), using: &chance) }
        let explored = choices.count { $0.ground == .exploration }
        #expect((850...1150).contains(explored), "\(explored)")
        // Half of them are the arm that promises nothing, which is chosen for no other reason.
        #expect((400...600).contains(choices.count { $0.arm == 0 }))
        #expect(choices.allSatisfy { $0.arm == 1 || $0.ground == .exploration })
    }

    @Test func `equal seeds choose alike`() {
        var one = Self.bandit(), other = one, chance = Chance(seed: 5), same = chance
        #expect(
            Self.play(&one, 500, [0.4, 0.6], using: &chance)
                == Self.play(&other, 500, [0.4, 0.6], using: &same))
    }

    // MARK: What fades

    @Test func `a choice that is not settled leaves no trace`() {
        let bandit = Self.bandit()
        var chance = Chance(seed: 6)
        for _ in 0..<100 { _ = bandit.choose(for: "a", at: Self.at(0), using: &chance) }
        #expect(bandit.statistics(at: Self.at(0)).isEmpty)
    }

    @Test func `each retry leaves 0.998 of what was seen before, and an hour leaves half`() throws {
        var bandit = Self.bandit()
        let long = Bandit.Choice(key: "a", arm: 1, ground: .promise)
        bandit.settle(long, succeeded: true, addedDelay: .seconds(2), at: Self.at(0))
        bandit.settle(long, succeeded: false, addedDelay: .seconds(9), at: Self.at(0))
        let now = try #require(bandit.statistics(at: Self.at(0)).first)
        #expect(now.key == "a" && now.evidence == 2)
        #expect(now.arms.map(\.name) == Self.arms && now.arms.map(\.samples) == [0, 2])
        #expect(now.arms[1].successes == 0.998 && now.arms[1].failures == 1)
        #expect(now.arms[1].meanDelay == .milliseconds(650), "0.5 s and a tenth of the way to 2 s")
        #expect(now.arms.map(\.share) == [0, 1])
        let later = try #require(bandit.statistics(at: Self.at(3600)).first)
        #expect(abs(later.evidence - 1) < 1e-9 && abs(later.arms[1].failures - 0.5) < 1e-9)
        #expect(later.arms[1].samples == 2)
        // A clock that goes back makes nothing stronger.
        #expect(bandit.statistics(at: Self.at(-3600)).first == now)
    }

    @Test func `after a long silence the fallback is chosen again`() {
        var bandit = Self.bandit(), chance = Chance(seed: 7)
        _ = Self.play(&bandit, 100, [0, 1], using: &chance)
        #expect(bandit.choose(for: "a", at: Self.at(3600), using: &chance).ground != .fallback)
        #expect(bandit.choose(for: "a", at: Self.at(2 * 3600), using: &chance).ground == .fallback)
    }

    @Test func `beyond the most keys the one that was not retried for longest is forgotten`() {
        var bandit = Self.bandit { $0.maximumKeys = 3 }
        for (second, key) in ["a", "b", "c", "a", "d", "e"].enumerated() {
            bandit.settle(
                .init(key: key, arm: 0, ground: .promise), succeeded: true, addedDelay: .zero,
                at: Self.at(Double(second)))
        }
        #expect(bandit.statistics(at: Self.at(9)).map(\.key) == ["e", "d", "a"])
    }

    // MARK: Memory

    @Test func `what was learned comes through a restart, and fades by the time between`() throws {
        var bandit = Self.bandit(), chance = Chance(seed: 8)
        _ = Self.play(&bandit, 200, [0.3, 0.8], using: &chance, at: Self.at(500))
        let data = try JSONEncoder().encode(bandit.memory(at: Self.at(510)))
        let memory = try JSONDecoder().decode(Bandit.Memory.self, from: data)
        var restored = Self.bandit()
        restored.restore(memory, at: Self.at(3))
        let before = try #require(bandit.statistics(at: Self.at(510)).first)
        let after = try #require(restored.statistics(at: Self.at(3)).first)
        #expect(before == after)
        restored.restore(memory, away: .seconds(3600), at: Self.at(3))
        let faded = try #require(restored.statistics(at: Self.at(3)).first)
        #expect(abs(faded.evidence - before.evidence / 2) < 1e-9)
        #expect(abs(faded.arms[1].successes - before.arms[1].successes / 2) < 1e-9)
        #expect(faded.arms.map(\.samples) == before.arms.map(\.samples))
    }

    @Test func `arms are remembered by their names, and new ones begin with nothing`() throws {
        var bandit = Self.bandit()
        bandit.settle(
            .init(key: "a", arm: 1, ground: .promise), succeeded: true, addedDelay: .zero, at: Self.at(0))
        var other = Bandit(arms: ["long", "new"])
        other.restore(bandit.memory(at: Self.at(0)), at: Self.at(0))
        let arms = try #require(other.statistics(at: Self.at(0)).first).arms
        #expect(arms.map(\.samples) == [1, 0] && arms.map(\.successes) == [1, 0])
    }

    @Test func `what is impossible in a memory is left out, and no more keys are taken than may be`() throws {
        let arm = Bandit.Memory.Entry.Arm(
            name: "long", successes: .nan, failures: -5, samples: -1, delay: .infinity)
        let entries = ["a", "b", "c"].enumerated().map { index, key in
            Bandit.Memory.Entry(
                key: key, evidence: .infinity, idle: .seconds(Double(index) - 1), arms: [arm])
        }
        var bandit = Self.bandit { $0.maximumKeys = 2 }, chance = Chance(seed: 9)
        bandit.restore(.init(entries: entries), away: .seconds(-5), at: Self.at(0))
        #expect(bandit.entries.count == 2 && bandit.entries["c"] == nil)
        for key in ["a", "b"] {
            let known = try #require(bandit.entries[key]).arms[1]
            #expect(known == .init(successes: 0, failures: 0, samples: 0, delay: 86_400))
            #expect(Self.arms.indices.contains(bandit.choose(for: key, at: Self.at(0), using: &chance).arm))
        }
    }

    // MARK: Extremes

    @Test func `settings and samples at the ends of their ranges do no harm`() {
        let numbers = [Double.nan, -.infinity, -1, 0, 0.5, 1, 2, .infinity],
            counts = [Int.min, -1, 0, 1, .max]
        let times = [Duration.seconds(Int64.min), .zero, .nanoseconds(1), .unbounded, .seconds(Int64.max)]
        for seed in 0..<300 as Range<UInt64> {
            var chance = Chance(seed: seed)
            func pick<Element>(_ elements: [Element]) -> Element {
                elements[Int(chance.unit() * Double(elements.count))]
            }
            var bandit = Self.bandit {
                $0.exploration = pick(numbers)
                $0.minimumSamples = pick(counts)
                $0.fallback = pick(counts)
                $0.discount = pick(numbers)
                $0.halfLife = pick(times)
                $0.delayCost = pick(numbers)
                $0.maximumKeys = pick(counts)
            }
            for step in 0..<60 {
                let now = Self.at(Double(step) * 1e6)
                let choice = bandit.choose(for: pick(["a", "b"]), at: now, using: &chance)
                #expect(Self.arms.indices.contains(choice.arm), "seed \(seed)")
                bandit.settle(choice, succeeded: chance.unit() < 0.5, addedDelay: pick(times), at: now)
            }
            for entry in bandit.statistics(at: Self.at(60e6)) {
                let fine = entry.arms.allSatisfy {
                    $0.successes >= 0 && $0.failures >= 0 && (0...1).contains($0.share)
                        && $0.meanDelay >= .zero
                }
                #expect(fine, "seed \(seed)")
            }
        }
        var empty = RetryBandit<String>(arms: [])
        empty.settle(
            .init(key: "a", arm: 7, ground: .promise), succeeded: true, addedDelay: .zero, at: Self.at(0))
        #expect(empty.arms.count == 1 && empty.statistics(at: Self.at(0)).isEmpty)
    }
}
