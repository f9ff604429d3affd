import Testing

@testable import Resilience

/// Many made-up histories of the machine, each from a seed: whatever happens, the promises hold.
@Suite struct BatchPropertyTests {
    /// One history: what the machine was told, and what became of each item.
    private struct History {
        var chance: Chance
        let policy: BatcherPolicy
        var machine: BatchStateMachine
        var now = Instant()
        var weights: [UInt64: Int] = [:]
        var fates: [UInt64: String] = [:]
        var batches: [UInt64: [UInt64]] = [:]
        var started: [UInt64] = []
        var calls = 0
        var faults: [String] = []

        init(seed: UInt64) {
            chance = Chance(seed: seed)
            policy = Self.policy(&chance)
            machine = BatchStateMachine(policy)
        }

        private static func policy(_ chance: inout Chance) -> BatcherPolicy {
            func pick(_ range: ClosedRange<Int>) -> Int {
                range.lowerBound + Int(chance.next() % UInt64(range.count))
            }
            let sizings: [BatcherPolicy.Sizing] = [
                .fixed(pick(1...20)), .timeBased, .loadBased, .adaptive(initial: pick(1...20)),
                .hybrid(initial: pick(1...20)),
            ]
            var policy = BatcherPolicy(
                sizings[pick(0...4)], maximumSize: pick(1...16), maximumLinger: .milliseconds(pick(0...20)),
                target: .milliseconds(pick(5...50)), maximumWeight: pick(0...1) == 0 ? nil : pick(5...40),
                maximumRunning: pick(1...4), queue: pick(1...60))
            if pick(0...3) == 0 { policy.preferredSizes = [pick(1...8), pick(1...16)] }
            return policy
        }

        mutating func pick(_ range: ClosedRange<Int>) -> Int {
            range.lowerBound + Int(chance.next() % UInt64(range.count))
        }

        private mutating func settle(_ id: UInt64, _ fate: String) {
            if let before = fates[id] { faults.append("item \(id) was \(before) and is \(fate)") }
            if weights[id] == nil { faults.append("nobody submitted item \(id)") }
            fates[id] = fate
        }

        mutating func step() {
            switch pick(0...9) {
            case 0...4: submit()
            case 5: now = now.advanced(by: .milliseconds(pick(0...15)))
            case 6: withdraw()
            case 7...8: if let batch = batches.keys.sorted().first { call(batch, outcome()) }
            default: if pick(0...9) == 0 { _ = machine.flush() }
            }
            advance()
        }

        private mutating func submit() {
            let weight = pick(0...10)
            let deadline = pick(0...2) == 0 ? now.advanced(by: .milliseconds(pick(1...60))) : nil
            if case .queued(let id) = machine.submit(weight: weight, deadline: deadline, at: now) {
                weights[id] = weight
            } else if machine.snapshot.queued < policy.queue, weight <= policy.maximumWeight ?? .max {
                faults.append("refused without a reason")
            }
        }

        private mutating func withdraw() {
            guard let last = weights.keys.max() else { return }
            let id = UInt64(pick(1...Int(last)))
            let (left, _) = machine.withdraw(id)
            if left { settle(id, "withdrawn") } else if fates[id] == nil { faults.append("\(id) is lost") }
        }

        private mutating func outcome() -> BatchStateMachine.Outcome {
            [.answered(), .answered(), .failed(total: false), .failed(total: true)][pick(0...3)]
        }

        mutating func advance() {
            for action in machine.advance(at: now) {
                switch action {
                case .expire(let id): settle(id, "expired")
                case .abandon: break
                case .start(let number): batches[number] = next(number, isFirst: true)
                }
            }
            if machine.snapshot.running > policy.maximumRunning { faults.append("too many run") }
            if machine.snapshot.queued > policy.queue { faults.append("too many wait") }
        }

        private mutating func next(_ number: UInt64, isFirst: Bool = false) -> [UInt64]? {
            guard let part = machine.nextPart(of: number) else { return nil }
            let weight = part.reduce(0) { $0 + (weights[$1] ?? 0) }
            if part.isEmpty || part.count > policy.maximumSize { faults.append("a batch of \(part.count)") }
            if weight > policy.maximumWeight ?? .max { faults.append("a batch of weight \(weight)") }
            if part != part.sorted() { faults.append("out of order: \(part)") }
            if part.contains(where: { fates[$0] != nil }) { faults.append("a settled item runs") }
            if isFirst {
                if let last = started.last, part[0] < last { faults.append("overtaken") }
                started += part
            }
            return part
        }

        /// Ends the call with a batch's part.
        mutating func call(_ number: UInt64, _ outcome: BatchStateMachine.Outcome) {
            guard let part = batches[number] else { return }
            calls += 1
            let took = Duration.milliseconds(pick(0...30))
            if !machine.record(outcome, of: number, took: took) {
                for id in part where fates[id] == nil { settle(id, "answered") }
            }
            batches[number] = next(number)
        }

        /// Closes it and lets everything end.
        mutating func close() {
            let mark = machine.close()
            advance()
            var rounds = 0
            while let batch = batches.keys.sorted().first, rounds < 10_000 {
                call(batch, .answered())
                advance()
                rounds += 1
            }
            if !machine.isDone(upTo: mark) { faults.append("something is left") }
            let lost = weights.keys.filter { fates[$0] == nil }
            if !lost.isEmpty { faults.append("without an answer: \(lost)") }
            let snapshot = machine.snapshot
            if snapshot.accepted != weights.count { faults.append("miscounted") }
            let settled = snapshot.answered + snapshot.failed + snapshot.cancelled + snapshot.expired
            if settled != weights.count { faults.append("counted \(settled) of \(weights.count)") }
            if machine.wakesAt != nil { faults.append("wakes after its end") }
        }
    }

    @Test func `no item is lost or doubled, and no batch is too large, too heavy or one too many`() {
        for seed in 1...200 as ClosedRange<UInt64> {
            var history = History(seed: seed)
            for _ in 0..<400 { history.step() }
            history.close()
            #expect(history.calls > 0, "seed \(seed)")
            #expect(history.faults.isEmpty, "seed \(seed): \(history.faults.prefix(3))")
        }
    }
}
