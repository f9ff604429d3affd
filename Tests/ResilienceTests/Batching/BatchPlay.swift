import Testing

@testable import Resilience

/// A suite that plays with the decisions of a batcher.
protocol BatchPlay {}

extension BatchPlay {
    func at(_ milliseconds: Int) -> Instant { Instant(sinceOrigin: .milliseconds(milliseconds)) }

    func fixed(
        _ size: Int, linger: Duration = .milliseconds(10), weight: Int? = nil, running: Int = 4,
        preferred: [Int] = []
    ) -> BatchStateMachine {
        var policy = BatcherPolicy(
            .fixed(size), maximumLinger: linger, maximumWeight: weight, maximumRunning: running)
        policy.preferredSizes = preferred
        return BatchStateMachine(policy)
    }

    /// Submits items, then starts what is due.
    func add(
        _ count: Int, weight: Int = 1, deadline: Instant? = nil, to machine: inout BatchStateMachine,
        at now: Instant
    ) -> [[UInt64]] {
        for _ in 0..<count { _ = machine.submit(weight: weight, deadline: deadline, at: now) }
        return sent(&machine, at: now)
    }

    /// Starts what is due.
    func sent(_ machine: inout BatchStateMachine, at now: Instant) -> [[UInt64]] {
        machine.advance(at: now).compactMap { action in
            if case .start(let number) = action { machine.nextPart(of: number) } else { nil }
        }
    }

    /// Ends a batch whose part was asked for.
    func end(
        _ number: UInt64, _ outcome: BatchStateMachine.Outcome = .answered(), took: Duration = .zero,
        in machine: inout BatchStateMachine
    ) {
        _ = machine.record(outcome, of: number, took: took)
        var rounds = Rounds()
        while machine.nextPart(of: number) != nil, rounds.another() {
            _ = machine.record(outcome, of: number, took: took)
        }
    }
}
