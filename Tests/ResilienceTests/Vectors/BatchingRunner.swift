@testable import Resilience

/// Plays batching vectors on the state machine. Batches end as soon as they begin.
struct BatchingRunner: PatternRunner {
    private var machine: BatchStateMachine
    private var now = Instant()
    /// All batches so far, as sizes.
    private var sizes: [Int] = []

    init(_ config: JSON) throws {
        let size = config["max_batch"]?.int ?? 1_000_000
        var policy = BatcherPolicy(
            .fixed(size), maximumSize: size, maximumLinger: config["max_delay_ms"]?.milliseconds ?? .zero,
            maximumRunning: 1_000_000, queue: 1_000_000)
        policy.preferredSizes = try (config["preferred"]?.list ?? []).map { size in
            guard let size = size.int else { throw Unsupported("preferred size \(size)") }
            return size
        }
        machine = BatchStateMachine(policy)
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        switch op {
        case "load_all": return try load(step)
        case "inspect": break
        case "add":
            for _ in 0..<(step["n"]?.int ?? 1) {
                guard case .queued = machine.submit(at: now) else { throw Unsupported("a refused item") }
            }
        case "advance": now = now.advanced(by: step["ms"]?.milliseconds ?? .zero)
        default: throw Unsupported("operation \(op)")
        }
        let sent = play { _ in .answered() }.map(\.count)
        sizes += sent
        return ["sent": numbers(sent), "batches": numbers(sizes)]
    }

    /// Starts what is due and ends it.
    ///
    /// - Returns: The batches, without the parts they were split into.
    private mutating func play(_ call: ([UInt64]) -> BatchStateMachine.Outcome) -> [[UInt64]] {
        var batches: [[UInt64]] = []
        for case .start(let number) in machine.advance(at: now) {
            var isWhole = true
            while let part = machine.nextPart(of: number) {
                if isWhole { batches.append(part) }
                isWhole = false
                _ = machine.record(call(part), of: number, took: .zero)
            }
        }
        return batches
    }

    /// Submits keys at once, sends them, and tells what each of their callers gets.
    private mutating func load(_ step: JSON) throws -> [String: JSON] {
        let keys = step["keys"]?.list ?? [], results = step["results"]
        let words = results?.members?.values.map(\.self) ?? results.map { [$0] } ?? []
        if let word = words.first(where: {
            ![.string("ok"), .string("error"), .string("throw")].contains($0)
        }) {
            throw Unsupported("result \(word)")
        }
        var items: [UInt64: JSON] = [:]
        for key in keys {
            guard case .queued(let id) = machine.submit(at: now) else { throw Unsupported("a refused item") }
            items[id] = key
        }
        _ = machine.flush()
        var outcomes: [String: JSON] = [:]
        let batches = play { part in
            for id in part {
                let key = items[id]?.description ?? "",
                    result = results == .string("throw") ? nil : results?[key]
                outcomes[key] = result ?? .string("error")
            }
            if results == .string("throw") { return .failed(total: false) }
            return .answered(
                failed: part.count { results?[items[$0]?.description ?? ""] == .string("error") })
        }
        return [
            "outcomes": .object(outcomes),
            "batches": .list(batches.map { .list($0.compactMap { items[$0] }) }),
            "sent": numbers(batches.map(\.count)),
        ]
    }

    private func numbers(_ values: [Int]) -> JSON { .list(values.map { .number(Double($0)) }) }
}
