import Testing

@testable import GatewayHTTP

@Suite struct BodyBudgetTests {
    private static let limit = 16 << 20

    private func hold(_ address: String = "10.0.0.1", key: String? = nil) -> BodyHold {
        BodyHold(address: address, key: key)
    }

    /// Takes a MiB at a time for one body after the other until that is too much.
    private func fill(_ budget: BodyBudget, _ address: String, key: String? = nil) -> (
        holds: [BodyHold], full: BodyShares.Holder?
    ) {
        var holds: [BodyHold] = []
        while holds.count < 100 {
            var hold = hold(address, key: key)
            if let full = budget.take((1 << 20) + BodyHold.small, for: &hold) { return (holds, full) }
            holds.append(hold)
        }
        return (holds, nil)
    }

    @Test func `an address holds at most half, and others the rest`() {
        let budget = BodyBudget(limit: Self.limit)
        let first = fill(budget, "10.0.0.1")
        #expect(first.holds.count == 8 && first.full == .address("10.0.0.1"))
        var other = hold("10.0.0.2")
        #expect(budget.take(7 << 20, for: &other) == nil)
    }

    @Test func `a key holds at most half, wherever it is used`() {
        let budget = BodyBudget(limit: Self.limit)
        let first = fill(budget, "10.0.0.1", key: "a")
        #expect(first.holds.count == 8 && first.full == .key("a"))
        #expect(fill(budget, "10.0.0.2", key: "a").holds.isEmpty)
        var other = hold("10.0.0.1", key: "b")
        #expect(budget.take(3 << 20, for: &other) == nil)
    }

    @Test func `an address of several keys holds at most three quarters`() {
        let budget = BodyBudget(limit: Self.limit)
        #expect(fill(budget, "10.0.0.1", key: "a").holds.count == 8)
        let second = fill(budget, "10.0.0.1", key: "b")
        #expect(second.holds.count == 4 && second.full == .address("10.0.0.1"))
        var elsewhere = hold("10.0.0.2", key: "b")
        #expect(budget.take(2 << 20, for: &elsewhere) == nil)
    }

    @Test func `a share that is used up leaves small requests alone`() {
        let budget = BodyBudget(limit: Self.limit)
        _ = fill(budget, "10.0.0.1", key: "a")
        var small = hold(key: "a")
        #expect(budget.take(BodyHold.small, for: &small) == nil)
        #expect(budget.take(1, for: &small) == .key("a"))
        #expect(small.bytes == BodyHold.small)
    }

    /// Takes the first bytes of body after body until that is too much, or until so many bodies are held.
    private func fillSmall(
        _ budget: BodyBudget, _ address: String, key: String? = nil, most: Int = 10_000
    ) -> (holds: [BodyHold], full: BodyShares.Holder?) {
        var holds: [BodyHold] = []
        while holds.count < most {
            var hold = hold(address, key: key)
            if let full = budget.take(BodyHold.small, for: &hold) { return (holds, full) }
            holds.append(hold)
        }
        return (holds, nil)
    }

    @Test func `however many small bodies one address holds, others have room for theirs`() {
        let budget = BodyBudget(limit: Self.limit)
        let first = fillSmall(budget, "10.0.0.1")
        #expect(first.full == .address("10.0.0.1"))
        #expect(first.holds.count * BodyHold.small <= Self.limit / 16 * 11, "\(first.holds.count) are held")
        var large = hold("10.0.0.2")
        #expect(budget.take(4 << 20, for: &large) == nil)
        var small = hold("10.0.0.2")
        #expect(budget.take(BodyHold.small, for: &small) == nil)
        for hold in first.holds { budget.giveBack(hold) }
        #expect(fillSmall(budget, "10.0.0.1").holds.count > 100)
    }

    @Test func `however many small bodies one key holds, others have room for theirs`() {
        let budget = BodyBudget(limit: Self.limit)
        let first = fillSmall(budget, "10.0.0.1", key: "a")
        #expect(first.full == .key("a"))
        #expect(first.holds.count * BodyHold.small <= Self.limit / 16 * 11)
        var other = hold("10.0.0.1", key: "b")
        #expect(budget.take(2 << 20, for: &other) == nil)
    }

    @Test func `a caller whose share is used up has room for small requests beside another's many`() {
        let budget = BodyBudget(limit: Self.limit)
        let many = fillSmall(budget, "10.0.0.1", most: 130)
        #expect(many.full == nil)
        #expect(fill(budget, "10.0.0.2").full == .address("10.0.0.2"))
        var small = hold("10.0.0.2")
        #expect(budget.take(BodyHold.small, for: &small) == nil)
        #expect(budget.take(1, for: &small) == .address("10.0.0.2"))
    }

    @Test func `all together hold no more than there is`() {
        let budget = BodyBudget(limit: Self.limit)
        for number in 0..<4 { _ = fill(budget, "10.0.0.\(number)") }
        var last = hold("10.0.1.1")
        #expect(budget.take(1 << 20, for: &last) == .everybody)
        #expect(last.bytes == 0)
    }

    @Test func `what is given back can be taken again, and a refusal takes nothing`() {
        let budget = BodyBudget(limit: Self.limit)
        for _ in 0..<3 {
            let (holds, full) = fill(budget, "10.0.0.1", key: "a")
            #expect(holds.count == 8 && full != nil)
            for hold in holds { budget.giveBack(hold) }
        }
        var whole = hold("10.0.0.2")
        #expect(budget.take(8 << 20, for: &whole) == nil)
    }

    @Test func `nothing is remembered of those who hold nothing`() {
        var shares = BodyShares(of: 100)
        for number in 0..<10 {
            #expect(shares.take(10, ofThemFirst: 5, address: "\(number)", key: "\(number)") == .success(5))
        }
        #expect(!shares.isEmpty)
        for number in 0..<10 { shares.giveBack(5, first: 5, address: "\(number)", key: "\(number)") }
        #expect(shares.isEmpty)
    }
}
