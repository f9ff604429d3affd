import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// Many callers on many threads, with bad items, cancellations and deadlines by a seed.
@Suite struct BatcherCrowdTests {
    private struct Poisoned: Error, Equatable { var item: Int }

    /// What the work saw.
    private struct Seen {
        var running = 0, mostRunning = 0, largest = 0, heaviest = 0
    }

    private static let sizings: [BatcherPolicy.Sizing] = [
        .fixed(7), .timeBased, .loadBased, .adaptive(initial: 4), .hybrid(initial: 4),
    ]

    private final class Work: Sendable {
        let seen = Mutex(Seen())
        let time: TimeSource
        init(_ time: TimeSource) { self.time = time }

        func callAsFunction(_ items: [Int]) async throws -> [Int] {
            seen.withLock { seen in
                seen.running += 1
                seen.mostRunning = max(seen.mostRunning, seen.running)
                seen.largest = max(seen.largest, items.count)
                seen.heaviest = max(seen.heaviest, items.reduce(0) { $0 + $1 % 10 })
            }
            defer { seen.withLock { $0.running -= 1 } }
            try await time.sleep(for: .milliseconds(1 + items.count))
            if let bad = items.first(where: { $0 % 29 == 3 }) { throw Poisoned(item: bad) }
            return items.map { $0 * 2 }
        }
    }

    /// Why an item's answer is wrong; nil if it is not.
    private static func fault(_ item: Int, _ result: Result<Int, any Error>, cancelled: Bool, hurried: Bool)
        -> String?
    {
        switch result {
        case .success(let output): return output == item * 2 && item % 29 != 3 ? nil : "\(item) got \(output)"
        case .failure(let error as Poisoned): return error.item == item ? nil : "\(item) got \(error)"
        case .failure(is CancellationError): return cancelled ? nil : "\(item) was cancelled"
        case .failure(let error as Rejection):
            return hurried && [.timedOut, .deadlinePassed].contains(error.reason) ? nil : "\(item): \(error)"
        case .failure(let error): return "\(item): \(error)"
        }
    }

    @Test(arguments: sizings, [1, 2, 3] as [UInt64])
    func `every caller gets its own answer, and the bounds hold`(
        sizing: BatcherPolicy.Sizing, seed: UInt64
    ) async throws {
        let clock = VirtualClock(), time = TimeSource(clock), work = Work(time)
        var policy = BatcherPolicy(
            sizing, maximumSize: 12, maximumLinger: .milliseconds(5), target: .milliseconds(10),
            maximumWeight: 40, maximumRunning: 3, queue: 1000)
        policy.maximumSplits = 1000
        let batcher = Batcher<Int, Int>("crowd", policy: policy, time: time, weighing: { $0 % 10 }) {
            try await work($0)
        }
        let done = Recorder<Int>(), faults = Recorder<String>(), count = 300
        await withTaskGroup(of: Void.self) { group in
            var chance = Chance(seed: seed)
            for item in 0..<count {
                let cancels = chance.unit() < 0.2, hurries = chance.unit() < 0.2, delay = chance.next() % 40
                group.addTask {
                    try? await time.sleep(for: .milliseconds(delay))
                    let deadline = hurries ? time.now.advanced(by: .milliseconds(15)) : nil
                    let call = Task { try await batcher.submit(item, deadline: deadline) }
                    if cancels {
                        for _ in 0..<delay { await Task.yield() }
                        call.cancel()
                    }
                    let result = await call.result
                    Self.fault(item, result, cancelled: cancels, hurried: hurries).map(faults.record)
                    done.record(item)
                }
            }
            while done.events.count < count {
                for _ in 0..<20 { await Task.yield() }
                clock.advanceToNextSleeper()
            }
        }
        try await batcher.close()
        #expect(faults.events.isEmpty, "seed \(seed)")
        let seen = work.seen.withLock { $0 }, snapshot = batcher.snapshot
        #expect(seen.mostRunning <= 3, "seed \(seed)")
        #expect(seen.largest <= 12, "seed \(seed)")
        #expect(seen.heaviest <= 40, "seed \(seed)")
        #expect((snapshot.queued, snapshot.running) == (0, 0), "seed \(seed)")
        let settled = snapshot.answered + snapshot.failed + snapshot.cancelled + snapshot.expired
        #expect(settled == snapshot.accepted, "seed \(seed)")
        #expect(snapshot.failed <= 11, "seed \(seed)")
        #expect(clock.sleepers == 0, "seed \(seed)")
    }
}
