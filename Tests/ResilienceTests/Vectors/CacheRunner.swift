import ResilienceTesting

@testable import Resilience

/// Plays cache vectors by calls of a real cache in virtual time.
///
/// A load of `get` ends at once, unless its word is `hang`, or the step says `pending`: then it goes on until `settle`.
/// One of `start` ends when its caller is finished.
struct CacheRunner: PatternRunner {
    private typealias Answer = Cache<String, String>.Answer

    private let stage = Stage()
    private let cache: Cache<String, String>
    private let events = Recorder<CacheEvent<String>.Happening>()
    private var backgroundLoads = 0
    /// What values were in the vector, by their words.
    private var values: [String: JSON] = [:]
    private var pending: [(gate: Gate, ending: Outcome)] = []
    /// The callers of `start`, by their names.
    private var callers: [String: (gate: Gate, call: StagedCall<Answer>)] = [:]

    init(_ config: Fields) throws {
        var policy = CachePolicy()
        policy.jitter = 0
        policy.pauseAfterFailure = .zero
        let lifetime = try config.duration("ttl_ms"), refresh = try config.duration("refresh_after_ms")
        let expires = try config.duration("expire_after_ms")
        policy.freshFor = lifetime ?? refresh ?? expires ?? policy.freshFor
        // A cache with refresh and expiry serves while it refreshes until the entry expires.
        policy.staleWhileRevalidate =
            try config.duration("swr_ms") ?? expires.map { max(.zero, $0 - policy.freshFor) } ?? .zero
        policy.staleIfError = try config.duration("sie_ms") ?? .zero
        // Callers above the number of shared loads each load for themselves.
        if try config.bool("single_flight") == false { policy.maximumLoads = 0 }
        let events = events
        cache = Cache(
            "cache", policy: policy, time: stage.strategies, chance: Chance(seed: 1), spawner: stage.spawner,
            onEvent: { events.record($0.happening) })
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        let before = events.events.count
        switch op {
        case "get": seen = try get(step)
        case "peek": seen = shown(cache.peek("key"))
        case "start": try start(step)
        case "cancel": try cancel(step.required("id"))
        case "finish":
            try finish(caller(step.required("id")), try step.required("outcome").outcome())
        case "settle":
            for load in pending { load.gate.open(load.ending) }
            pending = []
            try stage.settle()
        case "advance": try stage.advance(by: try step.required("ms").duration())
        default: throw Unsupported("\(step.path).op: unknown")
        }
        let told = events.events.dropFirst(before)
        // A load for which nobody waits.
        if told.contains(.loadBegan), !told.contains(.missed) { backgroundLoads += 1 }
        let loads = JSON(cache.counts.loads)
        seen["loads"] = loads
        seen["loads_started"] = loads
        seen["background_loads"] = JSON(backgroundLoads)
        for (name, caller) in callers { seen[name] = outcome(of: caller.call) }
        return seen
    }

    // MARK: Callers that do not wait

    private mutating func get(_ step: Fields) throws -> [String: JSON] {
        let field = step["load"], word = field?.all.word ?? "value"
        let ending: Outcome =
            switch word {
            case "error", "fail", "failure", "throw": .error(PlayedError(word: "load"))
            case "cancelled": .cancelled
            default: .value(word)
            }
        values[word] = field?.all
        let gate = Gate(), cache = cache
        let isPending = try step.bool("pending") ?? (word == "pending")
        if isPending { pending.append((gate, ending)) } else if word != "hang" { gate.open(ending) }
        let call = stage.start { try await cache.answer(for: "key") { _ in try await gate.wait() } }
        try stage.settle()
        switch call.result {
        case .success(let answer)?: return shown(answer)
        case nil: return ["value": .null, "error": .null]
        case .failure(let error)?:
            let word = (error as? PlayedError)?.word ?? "cancelled"
            return ["value": .null, "stale": .bool(false), "error": .string(word)]
        }
    }

    private func shown(_ answer: Answer?) -> [String: JSON] {
        guard let answer else { return ["value": .null, "stale": .bool(false), "error": .null] }
        return [
            "value": values[answer.value] ?? .string(answer.value), "stale": .bool(answer.isStale),
            "error": .null,
        ]
    }

    // MARK: Callers that wait

    private mutating func start(_ step: Fields) throws {
        let id = try step.required("id").text(), gate = Gate(), cache = cache
        // It is pending whether it says so or not.
        _ = try step.bool("pending")
        let call = stage.start { try await cache.answer(for: "key") { _ in try await gate.wait() } }
        callers[id] = (gate, call)
        try stage.settle()
    }

    private func caller(_ id: Fields) throws -> (gate: Gate, call: StagedCall<Answer>) {
        guard let caller = callers[try id.text()] else { throw id.unknown }
        return caller
    }

    /// Ends the load that a caller waits for, be it its own or shared with it.
    private func finish(_ caller: (gate: Gate, call: StagedCall<Answer>), _ outcome: Outcome) throws {
        caller.gate.open(outcome)
        try stage.settle()
        guard caller.call.result == nil else { return }
        callers.values.first { $0.gate.isAwaited }?.gate.open(outcome)
        try stage.settle()
    }

    /// Cancels a caller. In the vectors' sources a load is its caller's own, so it ends with its caller.
    private func cancel(_ id: Fields) throws {
        let caller = try caller(id)
        caller.call.cancel()
        try stage.settle()
        caller.gate.open(.cancelled)
        try stage.settle()
    }

    private func outcome(of call: StagedCall<Answer>) -> JSON {
        switch call.result {
        case nil: return .string("waiting")
        case .success?: return .string("success")
        case .failure(let error)?: return .string(error is PlayedError ? "failure" : "cancelled")
        }
    }
}
