import Testing

@testable import Resilience

/// What broke in other batchers.
@Suite struct BatchingRegressionTests: BatchPlay {
    @Test func `Triton 8141: under load no batch has one more than the largest preferred size`() {
        var machine = fixed(256, linger: .milliseconds(5), running: 1, preferred: [8, 4])
        var sizes: [Int] = [], batch: UInt64 = 0
        for tick in 0..<400 {
            for part in add(tick % 3 + 1, to: &machine, at: at(tick)) {
                sizes.append(part.count)
                batch += 1
            }
            // A batch takes longer than the linger, so each next one is overdue.
            if tick % 7 == 6, machine.snapshot.running > 0 { end(batch, in: &machine) }
        }
        #expect(sizes.count > 50)
        #expect(sizes.dropFirst(2).allSatisfy { $0 == 8 }, "\(sizes)")
        #expect(sizes.allSatisfy { [4, 8].contains($0) }, "\(sizes)")
    }

    @Test func `dataloader 224: an error that nobody waits for ends with its batch`() {
        var machine = fixed(2)
        #expect(add(2, to: &machine, at: at(0)) == [[1, 2]])
        #expect(machine.withdraw(1) == (true, nil))
        #expect(machine.withdraw(2) == (true, .abandon(1)))
        #expect(machine.record(.failed(total: false), of: 1, took: .zero) == false, "no halves for nobody")
        #expect(machine.nextPart(of: 1) == nil)
        #expect(machine.withdraw(2) == (false, nil))
        #expect(machine.snapshot.failed == 0)
        #expect(machine.isDone(upTo: 2))
    }

    @Test func `Triton 3624: what comes while the work runs goes in one batch, however short the linger`() {
        var machine = fixed(64, linger: .zero, running: 1)
        #expect(add(1, to: &machine, at: at(0)) == [[1]])
        for tick in 1...9 { #expect(add(1, to: &machine, at: at(tick)).isEmpty) }
        end(1, in: &machine)
        #expect(sent(&machine, at: at(10)) == [Array(2...10)])
    }

    @Test func `Triton 3934: where no preferred size is reached, a batch still grows until a place is free`()
    {
        var machine = fixed(64, linger: .milliseconds(1), running: 1, preferred: [32])
        #expect(add(1, to: &machine, at: at(0)).isEmpty)
        #expect(sent(&machine, at: at(1)) == [[1]])
        for tick in 2...20 { #expect(add(1, to: &machine, at: at(tick)).isEmpty) }
        end(1, in: &machine)
        #expect(sent(&machine, at: at(21)) == [Array(2...20)])
    }

    @Test func `Triton 8870: items that time out in the queue cost no place and no throughput`() {
        var machine = fixed(4, linger: .milliseconds(5), running: 2), now = 0, expired = 0
        func round(deadlines: Bool) -> Int {
            var answered = 0, running: [UInt64] = []
            for _ in 0..<200 {
                for item in 0..<3 {
                    let deadline = deadlines && item > 0 ? at(now + 2) : nil
                    _ = machine.submit(deadline: deadline, at: at(now))
                }
                now += 3
                for action in machine.advance(at: at(now)) {
                    switch action {
                    case .start(let number): running.append(number)
                    case .expire: expired += 1
                    case .abandon: break
                    }
                }
                // Two rounds after their beginning, batches end.
                guard let number = running.first, running.count > 1 || now % 2 == 0 else { continue }
                running.removeFirst()
                while let part = machine.nextPart(of: number) {
                    answered += part.count
                    _ = machine.record(.answered(), of: number, took: .milliseconds(6))
                }
            }
            for number in running { end(number, in: &machine) }
            return answered
        }
        let before = round(deadlines: false)
        for _ in 0..<5 { _ = round(deadlines: true) }
        #expect(expired > 1000)
        _ = machine.flush()
        for _ in 0..<100 where machine.snapshot.queued > 0 {
            for action in machine.advance(at: at(now)) {
                if case .start(let number) = action { end(number, in: &machine) }
            }
        }
        #expect(machine.snapshot.running == 0 && machine.deadlines.count == 0)
        let after = round(deadlines: false)
        #expect(abs(after - before) <= 8, "\(before) before, \(after) after")
    }
}
