@testable import Resilience

/// Plays bulkhead vectors on the state machine.
struct BulkheadRunner: PatternRunner {
    private var machine: Bulkhead.StateMachine
    private let bypass: String?
    private var now = Instant()
    private var running: [String: Bulkhead.Ticket] = [:]
    private var waiting: [UInt64: String] = [:]
    private var unnamed = 0

    init(_ config: JSON) throws {
        let queue = config["queue"]?.int ?? (config["max_wait_ms"] == nil ? 0 : 1_000_000)
        machine = Bulkhead.StateMachine(
            BulkheadPolicy(
                limit: config["limit"]?.int ?? 1, queue: queue,
                maximumWait: config["max_wait_ms"]?.milliseconds,
                partitions: (config["partitions"]?.members ?? [:]).compactMapValues(\.number)))
        bypass = config["bypass"]?.string
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "inspect": break
        case "start":
            unnamed += 1
            let id = step["id"]?.string ?? "call \(unnamed)"
            let bypasses = bypass != nil && step["key"]?.string == bypass
            switch machine.enter(partition: step["partition"]?.string, bypass: bypasses, at: now) {
            case .admitted(let ticket):
                running[id] = ticket
                seen["allowed"] = .bool(true)
            case .queued(let number, _): waiting[number] = id
            case .refused: (seen["allowed"], seen["error"]) = (.bool(false), .string("full"))
            }
        case "finish":
            if let ticket = running.removeValue(forKey: step["id"]?.string ?? "") {
                for (number, ticket) in machine.leave(ticket) {
                    if let id = waiting.removeValue(forKey: number) { running[id] = ticket }
                }
            }
        case "cancel":
            guard let number = waiting.first(where: { $0.value == step["id"]?.string })?.key else { break }
            if machine.withdraw(number), let id = waiting.removeValue(forKey: number) {
                seen["cancelled"] = .list([.string(id)])
            }
        case "advance":
            now = now.advanced(by: step["ms"]?.milliseconds ?? .zero)
            let late = machine.expire(at: now).compactMap { waiting.removeValue(forKey: $0) }
            seen["rejected"] = .list(late.map { .string($0) })
        default: throw Unsupported("operation \(op)")
        }
        return seen.merging(shown()) { own, _ in own }
    }

    private func shown() -> [String: JSON] {
        let policy = machine.policy
        return [
            "running": .list(running.keys.sorted().map { .string($0) }),
            "queued": .list(machine.queue.compactMap { waiting[$0] }.map { .string($0) }),
            "free": .number(Double(max(0, policy.limit - machine.running))),
            "queue_free": .number(Double(policy.queue - machine.queued)),
            "partition_limits": .object(
                Dictionary(
                    uniqueKeysWithValues: policy.partitions.keys.map {
                        ($0, .number(Double(policy.places(of: $0) ?? 0)))
                    })),
        ]
    }
}
