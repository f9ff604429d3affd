import Testing

@testable import Resilience

@Suite struct BulkheadStateMachineTests {
    private typealias Machine = Bulkhead.StateMachine

    private static func at(_ seconds: Int) -> Instant { Instant(sinceOrigin: .seconds(seconds)) }

    /// A bulkhead of one place, which is taken.
    private static func full(_ queue: Int, wait: Duration? = nil) throws -> (
        machine: Machine, place: Bulkhead.Ticket
    ) {
        var machine = Machine(BulkheadPolicy(limit: 1, queue: queue, maximumWait: wait))
        let place = take(&machine)
        return (machine, try #require(place))
    }

    private static func take(_ machine: inout Machine, _ priority: Int = 0, partition: String? = nil)
        -> Bulkhead.Ticket?
    {
        if case .admitted(let ticket) = machine.enter(priority: priority, partition: partition, at: at(0)) {
            return ticket
        }
        return nil
    }

    @Test func `places go to the highest priority, and within one to who came first`() throws {
        var (machine, place) = try Self.full(10)
        for priority in [0, 5, 0, -3, 5, 9] { _ = machine.enter(priority: priority, at: Self.at(0)) }
        var order: [UInt64] = []
        while order.count < 10, let next = machine.leave(place).first {
            order.append(next.id)
            place = next.ticket
        }
        #expect(order == [6, 2, 5, 1, 3, 4])
        #expect(machine.running == 0 && machine.queued == 0)
    }

    @Test func `a full queue makes room for a higher priority by the last of the lowest`() throws {
        var (machine, _) = try Self.full(3)
        for priority in [1, 0, 0] { _ = machine.enter(priority: priority, at: Self.at(0)) }
        #expect(machine.enter(priority: 0, at: Self.at(0)) == .refused, "an equal one has to go")
        #expect(machine.enter(priority: 1, at: Self.at(0)) == .queued(4, displacing: 3))
        #expect(machine.enter(priority: 2, at: Self.at(0)) == .queued(5, displacing: 2))
        #expect(machine.enter(priority: 2, at: Self.at(0)) == .queued(6, displacing: 4))
        #expect(machine.queue == [5, 6, 1])
        #expect(machine.enter(priority: 1, at: Self.at(0)) == .refused)
    }

    @Test func `a call that may not queue displaces nobody`() throws {
        var (machine, _) = try Self.full(1)
        _ = machine.enter(at: Self.at(0))
        #expect(machine.enter(priority: 9, mayQueue: false, at: Self.at(0)) == .refused)
        #expect(machine.queue == [1])
    }

    @Test func `a higher limit lets waiters in by their order`() throws {
        var (machine, _) = try Self.full(10)
        for priority in [0, 1, 0, 1] { _ = machine.enter(priority: priority, at: Self.at(0)) }
        #expect(machine.reconfigure(BulkheadPolicy(limit: 4, queue: 10)).map(\.id) == [2, 4, 1])
        #expect(machine.running == 4 && machine.queue == [3])
    }

    @Test func `a shorter queue keeps who waits and takes nobody new until it has drained`() throws {
        var (machine, place) = try Self.full(3, wait: .seconds(5))
        for _ in 0..<3 { _ = machine.enter(at: Self.at(0)) }
        _ = machine.reconfigure(BulkheadPolicy(limit: 1, queue: 1, maximumWait: .seconds(1)))
        #expect(machine.queued == 3 && machine.enter(at: Self.at(0)) == .refused)
        #expect(machine.expire(at: Self.at(4)).isEmpty, "they were told five seconds")
        #expect(machine.enter(priority: 1, at: Self.at(4)) == .queued(4, displacing: 3))
        #expect(machine.expire(at: Self.at(5)) == [4, 1, 2])
        #expect(machine.leave(place).isEmpty && machine.running == 0)
    }

    @Test func `places kept for a partition after a change are counted from its running calls`() {
        var machine = Machine(BulkheadPolicy(limit: 2, queue: 10))
        let places = (0..<2).compactMap { _ in Self.take(&machine, partition: "a") }
        _ = machine.enter(partition: "a", at: Self.at(0))
        #expect(machine.reconfigure(BulkheadPolicy(limit: 2, queue: 10, partitions: ["a": 1])).isEmpty)
        #expect(machine.leave(places[0]).count == 1)
        #expect(machine.running == 2)
    }

    @Test func `a place that is kept for a partition can be used again and again`() throws {
        var machine = Machine(BulkheadPolicy(limit: 2, partitions: ["a": 0.5]))
        for _ in 0..<2 { _ = Self.take(&machine) }
        for _ in 0..<3 {
            let place = try #require(Self.take(&machine, partition: "a"))
            #expect(Self.take(&machine, partition: "a") == nil)
            _ = machine.leave(place)
        }
    }

    @Test func `a partition with room goes before a higher priority without`() {
        var machine = Machine(BulkheadPolicy(limit: 2, queue: 10, partitions: ["a": 0.5]))
        for _ in 0..<2 { _ = Self.take(&machine) }
        _ = machine.enter(priority: 9, at: Self.at(0))
        #expect(Self.take(&machine, partition: "a") != nil)
        #expect(machine.running == 3 && machine.queue == [1])
    }

    /// A queue that is a list of waiters.
    private struct Model {
        var waiting: [(id: UInt64, priority: Int, until: Int?)] = []
        var running = 0, limit = 2, queue = 4, id: UInt64 = 0

        mutating func enter(_ priority: Int, until: Int?) -> Bulkhead.Entry {
            if running < limit {
                running += 1
                return .admitted(Bulkhead.Ticket(partition: nil, counted: true))
            }
            var displaced: UInt64?
            if waiting.count >= queue {
                guard queue > 0, let lowest = waiting.map(\.priority).min(), lowest < priority,
                    let last = waiting.lastIndex(where: { $0.priority == lowest })
                else { return .refused }
                displaced = waiting.remove(at: last).id
            }
            id += 1
            waiting.append((id, priority, until))
            return .queued(id, displacing: displaced)
        }

        mutating func admit() -> [UInt64] {
            var admitted: [UInt64] = []
            while running < limit, let highest = waiting.map(\.priority).max(),
                let next = waiting.firstIndex(where: { $0.priority == highest })
            {
                running += 1
                admitted.append(waiting.remove(at: next).id)
            }
            return admitted
        }
    }

    @Test func `it equals a plain list of waiters over thousands of random sequences`() {
        for seed in 0..<3000 {
            var chance = Chance(seed: UInt64(seed)), model = Model()
            var machine = Machine(BulkheadPolicy(limit: 2, queue: 4, maximumWait: .seconds(10))), now = 0
            for step in 0..<80 {
                var same = true
                switch chance.next() % 8 {
                case 0, 1, 2:
                    let priority = Int(chance.next() % 3)
                    same =
                        machine.enter(priority: priority, at: Self.at(now))
                        == model.enter(priority, until: now + 10)
                case 3 where model.running > 0, 4 where model.running > 0:
                    model.running -= 1
                    let next = machine.leave(Bulkhead.Ticket(partition: nil, counted: true)).map(\.id)
                    same = next == model.admit()
                case 5:
                    let id = chance.next() % (model.id + 1), waits = model.waiting.contains { $0.id == id }
                    model.waiting.removeAll { $0.id == id }
                    same = machine.withdraw(id) == waits
                case 6:
                    now += Int(chance.next() % 6)
                    let late = Set(model.waiting.filter { $0.until.map { now >= $0 } ?? false }.map(\.id))
                    model.waiting.removeAll { late.contains($0.id) }
                    same = Set(machine.expire(at: Self.at(now))) == late
                case 7:
                    (model.limit, model.queue) = (Int(chance.next() % 5), Int(chance.next() % 7))
                    let policy = BulkheadPolicy(
                        limit: model.limit, queue: model.queue, maximumWait: .seconds(10))
                    same = machine.reconfigure(policy).map(\.id) == model.admit()
                default: break
                }
                let order = model.waiting.sorted { ($1.priority, $0.id) < ($0.priority, $1.id) }.map(\.id)
                guard same, machine.running == model.running, machine.queue == order else {
                    Issue.record("seed \(seed), step \(step): \(machine.queue), not \(order)")
                    return
                }
            }
        }
    }
}
