import ResilienceTesting

@testable import Resilience

/// Plays hedging vectors by calls of a real hedge in virtual time.
struct HedgeRunner: PatternRunner {
    private let stage = Stage()
    private let hedge: Hedge
    /// The values that may be the answer; nil for any.
    private let accepted: Set<JSON>?
    /// What was seen of the calls of one step together.
    private struct Seen {
        var executions = 0, hedges = 0, mostRunning = 0
        var starts: [JSON] = [], cancelled: [JSON] = [], disposed: [JSON] = []
        var answer: [String: JSON] = [:]
    }

    init(_ config: Fields) throws {
        var delay = HedgePolicy.Delay.fixed(try Self.delay(config["delay_ms"]) ?? .seconds(2))
        var window: Int?, warmUp = 20
        if let share = try config.number("delay_quantile") {
            // Until enough calls were seen there are no hedges.
            delay = .quantile(share, minimum: .nanoseconds(1), meanwhile: .unbounded)
            window = try config.int("window") ?? 100
            warmUp = try config.int("warmup") ?? warmUp
        }
        let field = config["generator_ms"]
        let generated = try field?.isList == true ? field?.list() ?? [] : [field].compactMap(\.self)
        let delays = try generated.map { try Self.delay($0) ?? .unbounded }
        accepted = try Self.accepted(config["accept"])
        hedge = Hedge(
            "hedge",
            policy: HedgePolicy(
                delay: delay, maximumHedges: try config.int("max_hedges") ?? 1, window: window, warmUp: warmUp
            ),
            time: stage.strategies, spawner: stage.spawner,
            delay: { number in delays.isEmpty ? nil : delays[min(number, delays.count) - 1] })
    }

    /// A negative delay is one that does not end: the next attempt follows a failure only.
    private static func delay(_ field: Fields?) throws -> Duration? {
        try field.map { try $0.duration() }.map { $0 < .zero ? .unbounded : $0 }
    }

    private static func accepted(_ field: Fields?) throws -> Set<JSON>? {
        guard let field else { return nil }
        return Set(
            try (field.isList ? field.list() : [field]).map { field in
                let text = try field.text(), begin = "value "
                guard text.hasPrefix(begin) else { throw field.unknown }
                let word = String(text.dropFirst(begin.count))
                return (try? JSON(word)) ?? .string(word)
            })
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        let script = try step.required("attempts").list().map { try PlayedAttempt($0) }
        if script.isEmpty { throw try step.required("attempts").unknown }
        var seen = Seen()
        switch op {
        case "run": try call(script, step["cancel"], &seen)
        case "repeat": for _ in 0..<(try step.count("times")) { try call(script, nil, &seen) }
        default: throw Unsupported("\(step.path).op: unknown")
        }
        return seen.answer.merging([
            "executions": JSON(seen.executions), "hedges": JSON(seen.hedges),
            "hedges_delta": JSON(seen.hedges), "max_concurrent": JSON(seen.mostRunning),
            "start_ms": .list(seen.starts), "cancelled": .list(seen.cancelled),
            "disposed": .list(seen.disposed),
        ]) { own, _ in own }
    }

    private func call(_ script: [PlayedAttempt], _ cancel: Fields?, _ seen: inout Seen) throws {
        let attempts = PlayedAttempts(script, stage), disposed = Recorder<JSON>(), ends = Recorder<Instant>()
        let (hedge, stage, accepted, begin) = (hedge, stage, accepted, stage.now)
        let call = stage.start { () async throws -> Int in
            defer { ends.record(stage.now) }
            return try await hedge.run(
                accepting: { number in accepted?.contains(attempts.line(number)?.value ?? .null) ?? true },
                handling: { error in (error as? PlayedError)?.isHandled ?? false },
                discard: { number in disposed.record(attempts.line(number)?.value ?? .null) }
            ) { _ in try await attempts.run() }
        }
        try self.cancel(call, attempts, cancel)
        let result = try stage.finish(call), all = attempts.all
        seen.executions += all.starts.count
        seen.hedges += max(0, all.starts.count - 1)
        seen.mostRunning = max(seen.mostRunning, all.mostRunning)
        seen.starts += all.starts.map { JSON($0.since(begin)) }
        seen.cancelled += all.cancelled.sorted().map { JSON($0) }
        seen.disposed += disposed.events
        seen.answer = shown(result, attempts)
        seen.answer["finish_ms"] = ends.events.last.map { JSON($0.since(begin)) }
    }

    /// Cancels the caller as the vector says.
    private func cancel(_ call: StagedCall<Int>, _ attempts: PlayedAttempts, _ field: Fields?) throws {
        guard let field else { return }
        switch try field.cancellation() {
        case .before: call.cancel()
        case .duringDelay:
            try stage.settle()
            guard call.result == nil else { throw field.wrong("a call that waits") }
            call.cancel()
        case .during(let attempt):
            attempts.cancel(at: attempt) { call.cancel() }
            _ = try stage.finish(call)
            guard attempts.all.isCancelled else { throw field.wrong("an attempt that is made") }
        }
    }

    private func shown(_ result: Result<Int, any Error>, _ attempts: PlayedAttempts) -> [String: JSON] {
        switch result {
        case .success(let number):
            return [
                "value": attempts.line(number)?.value ?? .null, "error": .null, "result": .string("success"),
            ]
        case .failure(let error as PlayedError):
            // An error is known by the value that its attempt has, if it has one.
            let value = attempts.line(error.number)?.value ?? .null
            return [
                "value": .null, "error": value == .null ? .string(error.word) : value,
                "result": .string(error.word),
            ]
        case .failure:
            return ["value": .null, "error": .string("cancelled"), "result": .string("cancelled")]
        }
    }
}
