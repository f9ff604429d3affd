import Synchronization

@testable import Resilience

/// Plays batching vectors by a real batcher in virtual time. Batches end as soon as they begin.
struct BatchingRunner: PatternRunner {
    /// What the work does, and what it was given.
    private final class Work: Sendable {
        struct State {
            var results: [String: String] = [:]
            var throwsAll = false
            var batches: [[JSON]] = []
        }

        let state = Mutex(State())

        func results(of items: [JSON]) throws -> [Result<String, any Error>] {
            let (results, throwsAll) = state.withLock { state in
                state.batches.append(items)
                return (state.results, state.throwsAll)
            }
            if throwsAll { throw Failed() }
            return items.map { item in
                let word = results[item.word] ?? "ok"
                return word == "ok" ? .success(word) : .failure(Failed())
            }
        }
    }

    private struct Failed: Error {}

    private let stage = Stage()
    private let work = Work()
    private let batcher: Batcher<JSON, String>
    private let waits: Bool
    private var added = 0
    /// Whether items have names of their own.
    private var isNamed = false

    init(_ config: Fields) throws {
        let size = try config.int("max_batch") ?? 1_000_000, wait = try config.duration("max_delay_ms")
        waits = wait ?? .zero > .zero
        // Items that come at the same moment go together: the shortest time there is passes first.
        var policy = BatcherPolicy(
            .fixed(size), maximumSize: size, maximumLinger: waits ? wait ?? .zero : .nanoseconds(1),
            maximumRunning: 1_000_000, queue: 1_000_000)
        policy.preferredSizes = try config.list("preferred")?.map { try $0.int() } ?? []
        let work = work
        batcher = .withResults(
            "batcher", policy: policy, time: stage.strategies, spawner: stage.spawner, merging: .equal,
            isTotal: { _ in true }, process: { try work.results(of: $0) })
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "inspect": break
        case "add":
            for _ in 0..<(try step.count("n")) {
                added += 1
                submit(JSON(added))
            }
            try stage.settle()
            if !waits { try stage.advance(by: .nanoseconds(1)) }
        case "advance": try stage.advance(by: try step.required("ms").duration())
        case "load_all": seen = try load(step)
        default: throw Unsupported("\(step.path).op: unknown")
        }
        let batches = work.state.withLock { $0.batches }
        // Items without a name are counted.
        seen["sent"] = .list(isNamed ? batches.flatMap(\.self) : batches.map { JSON($0.count) })
        seen["batches"] = .list(batches.map { isNamed ? .list($0) : JSON($0.count) })
        return seen
    }

    @discardableResult
    private func submit(_ item: JSON) -> StagedCall<String> {
        let batcher = batcher
        return stage.start { try await batcher.submit(item) }
    }

    /// Submits keys at once, sends them, and tells what each of their callers gets.
    private mutating func load(_ step: Fields) throws -> [String: JSON] {
        let keys = try step.required("keys").list().map(\.all), results = try step.required("results")
        isNamed = true
        let throwsAll = results.isText
        if throwsAll, try results.text() != "throw" { throw results.unknown }
        var words: [String: String] = [:]
        if !throwsAll {
            for (key, field) in try results.members() {
                let word = try field.text()
                guard ["ok", "error"].contains(word) else { throw field.unknown }
                words[key] = word
            }
        }
        for key in keys where !throwsAll && words[key.word] == nil {
            throw Unsupported("\(results.path).\(key.word): it is missing")
        }
        work.state.withLock { [words] in ($0.results, $0.throwsAll) = (words, throwsAll) }
        let calls = keys.map { ($0.word, submit($0)) }
        try stage.settle()
        let batcher = batcher
        _ = try stage.run { try await batcher.flush() }
        let outcomes = calls.map { key, call -> (String, JSON) in
            if case .success(let word)? = call.result { return (key, .string(word)) }
            return (key, .string(call.result == nil ? "waiting" : "error"))
        }
        return ["outcomes": .object(Dictionary(outcomes) { _, last in last })]
    }
}
