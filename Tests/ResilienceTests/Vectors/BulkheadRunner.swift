import Synchronization

@testable import Resilience

/// Plays bulkhead vectors by calls of a real bulkhead in virtual time.
struct BulkheadRunner: PatternRunner {
    /// One call: it asks for a place, and keeps it until it is told how it ends.
    private final class Call: Sendable {
        let id: String
        let gate = Gate()
        let isRunning = Mutex(false)

        init(_ id: String) { self.id = id }
    }

    private let stage = Stage()
    private let bulkhead: Bulkhead
    private let partitions: [String]
    private let bypass: String?
    /// In the order of their beginnings.
    private var calls: [(call: Call, staged: StagedCall<String>)] = []

    init(_ config: Fields) throws {
        let wait = try config.duration("max_wait_ms")
        // A source that names no queue has none, or one without a bound where calls may wait for a time.
        let queue = try config.int("queue") ?? (wait == nil && !config.has("queue") ? 0 : 1_000_000)
        let shares = try config["partitions"]?.members().map { ($0.name, try $0.value.number()) } ?? []
        partitions = shares.map(\.0)
        bypass = try config.text("bypass")
        bulkhead = Bulkhead(
            "bulkhead",
            policy: BulkheadPolicy(
                limit: try config.required("limit").int(), queue: queue, maximumWait: wait,
                partitions: Dictionary(uniqueKeysWithValues: shares)), time: stage.strategies)
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        switch op {
        case "inspect": break
        case "start": try start(step)
        case "finish":
            let call = try running(step.required("id"))
            call.gate.open(try step["outcome"]?.outcome() ?? .value("success"))
        case "cancel":
            let id = try step.required("id"), name = try id.text()
            guard let call = calls.last(where: { $0.call.id == name && $0.staged.result == nil }) else {
                throw id.unknown
            }
            call.staged.cancel()
        case "advance": try stage.advance(by: try step.required("ms").duration())
        default: throw Unsupported("\(step.path).op: unknown")
        }
        try stage.settle()
        return shown(starts: op == "start")
    }

    private mutating func start(_ step: Fields) throws {
        let call = Call(try step.text("id") ?? "call \(calls.count)"), bulkhead = bulkhead
        let partition = try step.text("partition"), key = try step.text("key")
        if let partition, !partitions.contains(partition) { throw try step.required("partition").unknown }
        let bypasses = key != nil && key == bypass
        let staged = stage.start {
            try await bulkhead.run(partition: partition, bypass: bypasses) {
                call.isRunning.withLock { $0 = true }
                return try await call.gate.wait()
            }
        }
        calls.append((call, staged))
    }

    private func running(_ id: Fields) throws -> Call {
        let name = try id.text()
        guard
            let call = calls.last(where: { $0.call.id == name && $0.staged.result == nil })?.call,
            call.isRunning.withLock({ $0 })
        else { throw id.unknown }
        return call
    }

    private mutating func shown(starts: Bool) -> [String: JSON] {
        let policy = bulkhead.policy, load = bulkhead.load
        var seen: [String: JSON] = [:], running: [String] = [], queued: [String] = []
        var rejected: [String] = [], cancelled: [String] = []
        for (call, staged) in calls {
            switch staged.result {
            case nil where call.isRunning.withLock({ $0 }): running.append(call.id)
            case nil: queued.append(call.id)
            case .failure(let rejection as Rejection)?:
                rejected.append(call.id)
                seen["error"] = .string(rejection.reason.rawValue)
            case .failure(let error)? where error is CancellationError: cancelled.append(call.id)
            case .success?, .failure?: break
            }
        }
        if starts, let last = calls.last {
            let isRunning = last.staged.result == nil && last.call.isRunning.withLock { $0 }
            if isRunning || rejected.contains(last.call.id) { seen["allowed"] = .bool(isRunning) }
        }
        // What has ended was seen.
        calls.removeAll { $0.staged.result != nil }
        let limits = partitions.map { ($0, JSON(policy.places(of: $0) ?? 0)) }
        return seen.merging([
            "running": .list(running.sorted().map { .string($0) }),
            "queued": .list(queued.map { .string($0) }),
            "rejected": .list(rejected.map { .string($0) }),
            "cancelled": .list(cancelled.map { .string($0) }),
            "free": JSON(max(0, policy.limit - load.running)), "queue_free": JSON(policy.queue - load.queued),
            "partition_limits": .object(Dictionary(uniqueKeysWithValues: limits)),
        ]) { own, _ in own }
    }
}
