import Testing

@testable import Resilience

@Suite struct BatchStateMachineTests: BatchPlay {
    private typealias Machine = BatchStateMachine

    // MARK: When a batch goes

    @Test func `a full batch goes at once, the rest when the oldest has waited long enough`() {
        var machine = fixed(3)
        #expect(add(2, to: &machine, at: at(0)).isEmpty)
        #expect(machine.wakesAt == at(10))
        #expect(add(2, to: &machine, at: at(4)) == [[1, 2, 3]])
        #expect(machine.wakesAt == at(14), "the fourth item's time begins with itself")
        #expect(sent(&machine, at: at(13)).isEmpty)
        #expect(sent(&machine, at: at(14)) == [[4]])
        #expect(machine.wakesAt == nil)
    }

    @Test func `many items at once go in full batches`() {
        var machine = fixed(3)
        #expect(add(8, to: &machine, at: at(0)) == [[1, 2, 3], [4, 5, 6]])
        #expect(machine.snapshot.queued == 2)
    }

    @Test func `weight fills a batch before its size does`() {
        var machine = fixed(100, weight: 10)
        #expect(add(2, weight: 4, to: &machine, at: at(0)).isEmpty)
        #expect(add(1, weight: 4, to: &machine, at: at(1)) == [[1, 2]], "the third does not fit any more")
        #expect(machine.snapshot.queuedWeight == 4)
        #expect(add(1, weight: 6, to: &machine, at: at(2)) == [[3, 4]], "exactly the bound")
        #expect(machine.submit(weight: 11, at: at(3)) == .refused(.tooHeavy))
        #expect(add(1, weight: -5, to: &machine, at: at(3)).isEmpty)
        #expect(machine.snapshot.queuedWeight == 0)
    }

    @Test func `no more than the cap run, and what waits for a place goes together`() {
        var machine = fixed(2, running: 2)
        #expect(add(5, to: &machine, at: at(0)) == [[1, 2], [3, 4]])
        #expect(add(3, to: &machine, at: at(50)).isEmpty, "due, but without a place")
        #expect(machine.wakesAt == nil, "the end of a batch wakes it")
        end(1, in: &machine)
        #expect(sent(&machine, at: at(60)) == [[5, 6]])
        #expect(machine.snapshot.running == 2)
    }

    @Test func `items beyond the queue are refused`() {
        var policy = BatcherPolicy(.fixed(1), maximumRunning: 1)
        policy.queue = 2
        var machine = Machine(policy)
        #expect(add(1, to: &machine, at: at(0)) == [[1]])
        #expect(add(2, to: &machine, at: at(0)).isEmpty)
        #expect(machine.submit(at: at(0)) == .refused(.full))
        #expect(machine.snapshot.rejected == 1)
    }

    @Test func `before anything is known, half of an item's time is left to the work`() {
        var machine = fixed(100, linger: .seconds(1))
        #expect(add(1, deadline: at(100), to: &machine, at: at(0)).isEmpty)
        #expect(machine.wakesAt == at(50))
        #expect(sent(&machine, at: at(50)) == [[1]])
    }

    @Test func `an item goes early enough for its deadline, with those that wait beside it`() throws {
        var machine = fixed(100, linger: .seconds(1))
        for number in 1...20 {
            _ = add(1, to: &machine, at: at(number * 2000))
            #expect(sent(&machine, at: at(number * 2000 + 1000)).count == 1)
            end(UInt64(number), took: .milliseconds(80), in: &machine)
        }
        #expect(add(1, to: &machine, at: at(50_000)).isEmpty)
        #expect(add(1, deadline: at(50_400), to: &machine, at: at(50_000)).isEmpty)
        // Two items are predicted to take up to twice 80 ms, and the margin for what is not known.
        let wake = try #require(machine.wakesAt)
        #expect(at(50_100) < wake && wake < at(50_240), "\(wake)")
        #expect(sent(&machine, at: wake) == [[21, 22]])
    }

    @Test func `an item whose time is up is told so, waiting or under way`() {
        var machine = fixed(2, linger: .seconds(1), running: 1)
        #expect(machine.submit(deadline: at(0), at: at(0)) == .refused(.deadlinePassed))
        #expect(add(2, deadline: at(30), to: &machine, at: at(0)) == [[1, 2]])
        #expect(add(1, deadline: at(20), to: &machine, at: at(1)).isEmpty)
        #expect(machine.wakesAt == at(20))
        #expect(machine.advance(at: at(20)) == [.expire(3)])
        #expect(machine.advance(at: at(30)) == [.expire(1), .expire(2), .abandon(1)])
        #expect(machine.snapshot.expired == 3)
        #expect(machine.nextPart(of: 1) == nil)
        #expect(machine.snapshot.running == 0)
    }

    @Test func `an urgent item that has left, or is under way, hurries nobody`() {
        var machine = fixed(3, linger: .seconds(1))
        #expect(add(1, deadline: at(100), to: &machine, at: at(0)).isEmpty)
        #expect(add(1, to: &machine, at: at(0)).isEmpty)
        #expect(machine.wakesAt == at(50))
        #expect(machine.withdraw(1) == (true, nil))
        _ = machine.advance(at: at(0))
        #expect(machine.wakesAt == at(1000))
        #expect(add(1, deadline: at(200), to: &machine, at: at(0)).isEmpty)
        #expect(machine.wakesAt == at(100))
        #expect(add(2, to: &machine, at: at(10)) == [[2, 3, 4]])
        #expect(machine.wakesAt == at(200), "its caller must still be told in time")
        end(1, in: &machine)
        _ = machine.advance(at: at(10))
        #expect(machine.wakesAt == at(1010))
    }

    @Test func `an item that leaves takes its weight along`() {
        var machine = fixed(10, weight: 10)
        #expect(add(2, weight: 4, to: &machine, at: at(0)).isEmpty)
        #expect(machine.withdraw(1) == (true, nil))
        #expect(machine.snapshot.queuedWeight == 4)
        #expect(add(1, weight: 5, to: &machine, at: at(1)).isEmpty)
    }

    @Test func `deadlines of answered items are not kept`() {
        var machine = fixed(1)
        for number in 1...1000 as ClosedRange<UInt64> {
            #expect(add(1, deadline: at(1_000_000 - Int(number)), to: &machine, at: at(0)).count == 1)
            end(number, in: &machine)
        }
        #expect(machine.deadlines.count == 0 && machine.queuedDeadlines.count == 0)
        machine = fixed(1, linger: .seconds(1), running: 1)
        #expect(add(1, deadline: at(1_000), to: &machine, at: at(0)) == [[1]])
        for number in 2...1000 as ClosedRange<UInt64> {
            #expect(add(1, deadline: at(1_000_000), to: &machine, at: at(0)).isEmpty)
            #expect(machine.withdraw(number).left)
        }
        #expect(machine.deadlines.count == 1 && machine.queuedDeadlines.count == 0)
    }

    @Test(arguments: [false, true])
    func `a deadline among twenty thousand is taken out in a few steps`(mostUrgentFirst: Bool) {
        let count = 20_000
        var policy = BatcherPolicy(
            .fixed(count + 1), maximumSize: count + 1, maximumLinger: .seconds(1_000_000))
        policy.queue = count + 1
        var machine = Machine(policy), most = 0
        for number in 0..<count {
            _ = machine.submit(deadline: at(1_000_000 + number * 37 % 1009), at: at(0))
        }
        for number in 1...UInt64(count) {
            let id = mostUrgentFirst ? machine.queuedDeadlines.first?.id ?? 0 : number
            let before = machine.deadlines.moves + machine.queuedDeadlines.moves
            if !machine.withdraw(id).left { most = .max }
            most = max(most, machine.deadlines.moves + machine.queuedDeadlines.moves - before)
        }
        #expect(most <= 2 * 15, "the depth of two heaps")
        #expect(machine.snapshot.queued == 0 && machine.wakesAt == nil)
    }

    @Test func `deadlines come out in order`() {
        var chance = Chance(seed: 5), heap = DeadlineHeap(), moments: [Instant] = []
        for id in 0..<500 as Range<UInt64> {
            moments.append(at(Int(chance.next() % 300)))
            heap.insert(.init(deadline: moments[Int(id)], id: id, arrived: at(0)))
        }
        for id in 0..<500 as Range<UInt64> where id % 3 == 0 { heap.remove(id) }
        heap.remove(1000)
        var seen: [Instant] = []
        while seen.count < 500, let first = heap.first {
            seen.append(first.deadline)
            heap.remove(first.id)
        }
        #expect(seen == moments.indices.filter { $0 % 3 != 0 }.map { moments[$0] }.sorted())
    }

    // MARK: Sizing

    @Test func `a time-based batch is what came in the time`() {
        var machine = Machine(BatcherPolicy(.timeBased, maximumSize: 50, maximumLinger: .milliseconds(10)))
        #expect(add(49, to: &machine, at: at(0)).isEmpty)
        #expect(sent(&machine, at: at(10)) == [Array(1...49)])
    }

    @Test func `a load-based batch does not wait for items that will not come`() {
        var machine = Machine(BatcherPolicy(.loadBased, maximumSize: 50, maximumLinger: .milliseconds(10)))
        var now = 0
        for _ in 0..<30 {
            now += 1000
            _ = add(1, to: &machine, at: at(now))
            for batch in machine.snapshot.running > 0 ? Array(1...UInt64(now / 1000)) : [] {
                end(batch, in: &machine)
            }
        }
        #expect(machine.snapshot.aim == 1)
        #expect(machine.snapshot.linger == .zero)
        // Ten times as fast as the linger: ten more are expected within it.
        for _ in 0..<200 {
            now += 1
            _ = add(1, to: &machine, at: at(now))
        }
        #expect(machine.snapshot.running > 0)
        #expect((10...11).contains(machine.snapshot.aim), "\(machine.snapshot.aim)")
        let linger = machine.snapshot.linger
        #expect(linger > .milliseconds(8) && linger <= .milliseconds(10), "\(linger)")
    }

    @Test func `the longest linger follows the rate of arrival`() {
        var machine = Machine(
            BatcherPolicy(.adaptive(initial: 10), maximumSize: 50, maximumLinger: .milliseconds(100)))
        #expect(machine.snapshot.linger == .milliseconds(100), "nothing is known")
        for number in 0..<9 { _ = add(1, to: &machine, at: at(number)) }
        let linger = machine.snapshot.linger
        #expect(
            linger > .milliseconds(8.9) && linger < .milliseconds(9.1), "nine more, 1 ms apart: \(linger)")
    }

    @Test func `hybrid sizing takes a backlog in large batches though it aims low`() {
        var machine = Machine(
            BatcherPolicy(
                .hybrid(initial: 20), maximumSize: 50, maximumLinger: .milliseconds(10), maximumRunning: 1))
        for second in 1...20 { _ = machine.submit(at: at(second * 1000)) }
        #expect(machine.snapshot.aim == 1)
        #expect(sent(&machine, at: at(20_000)) == [Array(1...20)])
    }

    @Test func `a long quiet is forgotten after a few items`() {
        var machine = Machine(BatcherPolicy(.loadBased, maximumSize: 50, maximumLinger: .milliseconds(10)))
        _ = machine.submit(at: at(0))
        _ = machine.submit(at: at(3_600_000))
        for number in 1...30 { _ = machine.submit(at: at(3_600_000 + number)) }
        #expect(machine.snapshot.aim >= 4, "\(machine.snapshot.aim)")
    }

    // MARK: Preferred sizes

    @Test func `the largest preferred size goes at once, what no size fits when its time is up`() {
        var machine = fixed(256, preferred: [4, 8])
        #expect(add(9, to: &machine, at: at(0)).map(\.count) == [8])
        #expect(add(2, to: &machine, at: at(1)).isEmpty)
        #expect(sent(&machine, at: at(10)).map(\.count) == [3])
        #expect(add(4, to: &machine, at: at(20)).map(\.count) == [4])
        #expect(add(8, to: &machine, at: at(21)).map(\.count) == [8])
    }

    // MARK: Failures

    @Test func `a failed batch is halved until the bad item fails alone`() {
        var machine = fixed(8), calls: [[UInt64]] = [], failed: [UInt64] = []
        _ = machine.submit(at: at(0))
        for _ in 0..<7 { _ = machine.submit(at: at(0)) }
        #expect(machine.advance(at: at(0)) == [.start(1)])
        while calls.count < 100, let part = machine.nextPart(of: 1) {
            calls.append(part)
            let isBad = part.contains(6)
            let isSplit = machine.record(isBad ? .failed(total: false) : .answered(), of: 1, took: .zero)
            if isBad && !isSplit { failed += part }
        }
        #expect(calls == [Array(1...8), [1, 2, 3, 4], [5, 6, 7, 8], [5, 6], [5], [6], [7, 8]])
        #expect(failed == [6])
        #expect(machine.snapshot.splits == 3)
        #expect((machine.snapshot.answered, machine.snapshot.failed) == (7, 1))
    }

    @Test func `a total error is not split, and splits are bounded in depth and number`() {
        func calls(_ outcome: Machine.Outcome, depth: Int = 10, splits: Int = 32) -> Int {
            var policy = BatcherPolicy(.fixed(64))
            (policy.splitDepth, policy.maximumSplits) = (depth, splits)
            var machine = Machine(policy), calls = 0
            for _ in 0..<64 { _ = machine.submit(at: at(0)) }
            _ = machine.advance(at: at(0))
            while calls < 1000, machine.nextPart(of: 1) != nil {
                calls += 1
                _ = machine.record(outcome, of: 1, took: .zero)
            }
            #expect(machine.snapshot.failed == 64)
            return calls
        }
        #expect(calls(.failed(total: true)) == 1)
        #expect(calls(.failed(total: false), depth: 0) == 1)
        #expect(calls(.failed(total: false), depth: 2) == 7)
        #expect(calls(.failed(total: false), splits: 5) == 11)
        #expect(calls(.failed(total: false), splits: 1000) == 127)
    }

    @Test func `values out of range count as the nearest in range`() {
        var policy = BatcherPolicy(
            .fixed(0), maximumSize: -3, maximumLinger: .seconds(-1), target: .zero, maximumWeight: 0,
            maximumRunning: 0, queue: 0)
        (policy.splitDepth, policy.maximumSplits, policy.preferredSizes) = (-1, -1, [0, 5])
        var machine = Machine(policy)
        #expect(add(1, to: &machine, at: at(0)) == [[1]])
        end(1, .failed(total: false), in: &machine)
        #expect(machine.isDone(upTo: 1))
    }

    @Test func `batches get smaller when whole ones are refused, not when an item is bad`() {
        var machine = Machine(BatcherPolicy(.adaptive(initial: 20), maximumRunning: 1))
        #expect(add(20, to: &machine, at: at(0)).count == 1)
        end(1, .failed(total: false), in: &machine)
        #expect(machine.snapshot.size == 20)
        #expect(add(20, to: &machine, at: at(1)).count == 1)
        end(2, .failed(total: true), in: &machine)
        #expect(machine.snapshot.size == 17)
    }

    // MARK: Ends

    @Test func `what is flushed does not wait for more, what comes after does`() {
        var machine = fixed(10)
        #expect(add(3, to: &machine, at: at(0)).isEmpty)
        let mark = machine.flush()
        #expect(!machine.isDone(upTo: mark))
        #expect(sent(&machine, at: at(0)) == [[1, 2, 3]])
        #expect(add(1, to: &machine, at: at(1)).isEmpty)
        end(1, in: &machine)
        #expect(machine.isDone(upTo: mark))
        _ = machine.close()
        #expect(machine.submit(at: at(2)) == .refused(.closed))
        #expect(sent(&machine, at: at(2)) == [[4]])
    }

    @Test func `the snapshot says how full, how fast and how late the batches were`() {
        var machine = Machine(
            BatcherPolicy(.fixed(10), maximumSize: 20, target: .milliseconds(200), maximumRunning: 1))
        for batch in 1...20 {
            #expect(add(10, to: &machine, at: at(batch * 1000)).count == 1)
            end(UInt64(batch), took: .milliseconds(batch % 4 == 0 ? 300 : 100), in: &machine)
        }
        let snapshot = machine.snapshot
        #expect(snapshot.batches == 20)
        #expect(snapshot.answered == 200)
        #expect(abs(snapshot.meanSize - 10) < 1e-9)
        #expect(abs(snapshot.fill - 0.5) < 1e-9)
        #expect(abs(snapshot.itemsPerSecond - 65) < 5, "\(snapshot.itemsPerSecond)")
        #expect(abs(snapshot.violations - 0.25) < 0.1, "\(snapshot.violations)")
        #expect(0 < snapshot.efficiency && snapshot.efficiency <= 1)
        #expect(snapshot.predicted != nil)
    }
}
