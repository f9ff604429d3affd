import Resilience
import Synchronization

extension Tour {
    /// A service of whose answers one in twenty is slow, asked with and without a hedge.
    static func slowTail() async throws {
        title("One answer in twenty is slow: a hedge asks again")
        let time = TimeSource(), calls = Counter()
        /// The same latency for the same question and attempt, with and without a hedge.
        @Sendable func ask(_ question: Int, attempt: Int) async throws -> Int {
            calls.add()
            var chance = Chance(seed: seed &+ UInt64(question * 2 + attempt))
            let isSlow = chance.unit() < 0.05
            try await time.sleep(for: isSlow ? .milliseconds(150) : .milliseconds(5))
            return question
        }
        let hedge = Hedge(
            "service", policy: HedgePolicy(delay: .quantile(0.9, meanwhile: .milliseconds(20))),
            budget: RetryBudget())
        try await show("without", calls) { question in try await ask(question, attempt: 0) }
        try await show("with", calls) { question in
            try await hedge.run { attempt in try await ask(question, attempt: attempt) }
        }
    }

    /// Asks 300 questions, ten at a time, and prints how long they took.
    private static func show(
        _ name: String, _ calls: Counter, _ ask: @escaping @Sendable (Int) async throws -> Int
    ) async throws {
        let before = calls.count
        let times = try await withThrowingTaskGroup(of: [Duration].self) { group in
            for worker in 0..<10 {
                group.addTask {
                    var times: [Duration] = []
                    for number in 0..<30 {
                        times.append(
                            try await ContinuousClock().measure { _ = try await ask(worker * 30 + number) })
                    }
                    return times
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }.sorted()
        }
        let median = times[times.count / 2], slow = times[times.count * 98 / 100]
        let padded = name + String(repeating: " ", count: 8 - name.count)
        print(
            "  \(padded) half within \(median.milliseconds), 98 % within \(slow.milliseconds), \(calls.count - before) calls"
        )
    }
}

/// Counts from many tasks.
final class Counter: Sendable {
    private let number = Atomic(0)

    var count: Int { number.load(ordering: .relaxed) }

    func add() { number.add(1, ordering: .relaxed) }
}
