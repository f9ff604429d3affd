import Resilience
import Testing

@testable import Routing

@Suite struct RankerTests {
    private func orders(_ strategy: Strategy, _ weights: [Int], rounds: Int) -> [[Int]] {
        var ranker = Ranker(strategy, weights: weights), chance = Chance(seed: 1)
        return (0..<rounds).map { _ in ranker.rank(&chance).map(\.target) }
    }

    @Test func `priority keeps the order of the configuration`() {
        #expect(orders(.priority, [1, 1, 1], rounds: 3) == [[0, 1, 2], [0, 1, 2], [0, 1, 2]])
    }

    @Test func `round robin gives each target its turn and the others in order behind it`() {
        #expect(
            orders(.roundRobin, [1, 1, 1], rounds: 4) == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]])
    }

    @Test func `weighted draws in proportion and always names every target once`() {
        let orders = orders(.weighted, [6, 3, 1, 0], rounds: 20_000)
        for order in orders { #expect(Set(order) == [0, 1, 2, 3]) }
        let firsts = orders.reduce(into: [0, 0, 0, 0]) { $0[$1[0]] += 1 }
        for (count, share) in zip(firsts, [0.6, 0.3, 0.1, 0]) {
            #expect(abs(Double(count) / 20_000 - share) < 0.015)
        }
        #expect(orders.allSatisfy { $0.last == 3 }, "a target without weight comes last")
    }

    @Test func `the reasons say why`() {
        var chance = Chance(seed: 1)
        var priority = Ranker(.priority, weights: [1, 1])
        #expect(priority.rank(&chance).map(\.reason.description) == ["priority 1", "priority 2"])
        var weighted = Ranker(.weighted, weights: [5])
        #expect(weighted.rank(&chance)[0].reason.description == "drawn with weight 5 of 5")
    }
}
