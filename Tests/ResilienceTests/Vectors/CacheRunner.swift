@testable import Resilience

/// Plays cache vectors on the state machine.
///
/// A load of `get` ends at once, unless it hangs; one in the background ends with `settle` or the next `advance`.
struct CacheRunner: PatternRunner {
    private typealias Machine = Cache<String, String>.StateMachine
    private struct Failed: Error {}
    /// A load in flight, and what it will end with.
    private struct Running {
        let start: Cache<String, String>.Start
        let load: String?
    }

    private var machine: Machine
    private var now = Instant()
    private var running: [UInt64: Running] = [:]
    private var background = 0
    /// The callers of `start` by what they wait under, and what came of them.
    private var callers: [UInt64: String] = [:]
    private var outcomes: [String: JSON] = [:]

    init(_ config: JSON) throws {
        if config["single_flight"] == .bool(false) { throw Unsupported("no single flight") }
        var policy = CachePolicy()
        policy.jitter = 0
        let fresh = (config["ttl_ms"] ?? config["refresh_after_ms"])?.milliseconds
        let expires = config["expire_after_ms"]?.milliseconds
        policy.freshFor = fresh ?? expires ?? policy.freshFor
        // A cache with refresh and expiry serves while it refreshes until the entry expires.
        policy.staleWhileRevalidate =
            config["swr_ms"]?.milliseconds ?? expires.map { $0 - policy.freshFor } ?? .zero
        policy.staleIfError = config["sie_ms"]?.milliseconds ?? .zero
        machine = Machine(policy, chance: Chance(seed: 1))
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "get": seen = get(step["load"])
        case "peek": seen = shown(machine.peek("key", at: now))
        case "start": start(step["id"]?.string ?? "")
        case "cancel": try cancel(step["id"]?.string ?? "")
        case "finish": try finish(step)
        case "settle": settle()
        case "advance":
            settle()
            now = now.advanced(by: step["ms"]?.milliseconds ?? .zero)
            for id in running.keys.sorted() {
                if let ending = machine.expire(id, at: now) { follow(id, ending) }
            }
        default: throw Unsupported("operation \(op)")
        }
        let loads = JSON.number(Double(machine.counts.loads))
        seen["loads"] = loads
        seen["loads_started"] = loads
        seen["background_loads"] = .number(Double(background))
        return seen.merging(outcomes) { own, _ in own }
    }

    private mutating func get(_ load: JSON?) -> [String: JSON] {
        let load = load?.string ?? load?.description
        switch machine.get("key", at: now) {
        case .serve(let answer): return shown(answer)
        case .fail: return ["value": .null, "error": .string("error")]
        case .alone, .join: return ["value": .null]
        case .refresh(let answer, let start):
            background += 1
            running[start.flight] = Running(start: start, load: load)
            return shown(answer)
        case .begin(let start, _):
            if let old = start.replaces { running[old] = nil }
            running[start.flight] = Running(start: start, load: load)
            guard let ending = end(start.flight) else { return ["value": .null] }
            guard case .success(let answer) = ending.delivery else {
                return ["value": .null, "error": .string(load ?? "error"), "stale": .bool(false)]
            }
            return shown(answer)
        }
    }

    private func shown(_ answer: Cache<String, String>.Answer?) -> [String: JSON] {
        guard let answer else { return ["value": .null, "stale": .bool(false)] }
        return ["value": .string(answer.value), "stale": .bool(answer.isStale)]
    }

    /// Ends a load as its word says; nil if it hangs.
    private mutating func end(_ id: UInt64) -> Cache<String, String>.Ending? {
        let outcome: Cache<String, String>.Outcome
        switch running[id]?.load {
        case "hang", nil: return nil
        case "error", "fail", "failure": outcome = .failure(Failed())
        case let value?: outcome = .value(value, weight: 1)
        }
        running[id] = nil
        return machine.finish(id, outcome, at: now)
    }

    private mutating func settle() {
        for id in running.keys.sorted() where running[id]?.start.owner == nil { _ = end(id) }
    }

    // MARK: Callers that wait

    private mutating func start(_ id: String) {
        switch machine.get("key", at: now) {
        case .begin(let start, let waiter):
            callers[waiter] = id
            running[start.flight] = Running(start: start, load: nil)
        case .join(let waiter): callers[waiter] = id
        case .refresh(let answer, let start):
            background += 1
            running[start.flight] = Running(start: start, load: nil)
            outcomes[id] = .string(answer.value)
        case .serve(let answer): outcomes[id] = .string(answer.value)
        case .fail, .alone: outcomes[id] = .string("failure")
        }
    }

    /// Cancels a caller. In the vectors' sources a load is its caller's own, so it ends with its caller.
    private mutating func cancel(_ id: String) throws {
        guard let waiter = callers.first(where: { $0.value == id })?.key else {
            throw Unsupported("caller \(id)")
        }
        callers[waiter] = nil
        outcomes[id] = .string("cancelled")
        let owned = running.values.first { $0.start.owner == waiter }?.start.flight
        _ = machine.withdraw(waiter)
        if let owned {
            running[owned] = nil
            if let ending = machine.finish(owned, .cancelled, at: now) { follow(owned, ending) }
        }
    }

    /// Ends the load that a caller waits for, which must be its own by now or be shared with it.
    private mutating func finish(_ step: JSON) throws {
        let id = step["id"]?.string ?? ""
        guard let waiter = callers.first(where: { $0.value == id })?.key,
            let flight = running.values.first(where: { $0.start.owner == waiter })?.start.flight
                ?? running.values.first?.start.flight
        else { return outcomes[id] = .string("failure") }
        running[flight] = nil
        let ending: Cache<String, String>.Ending? =
            switch step["outcome"]?.string {
            case "success": machine.finish(flight, .value("loaded", weight: 1), at: now)
            case "failure", "error": machine.finish(flight, .failure(Failed()), at: now)
            case "cancelled": machine.finish(flight, .cancelled, at: now)
            default: throw Unsupported("outcome \(step["outcome"] ?? .null)")
            }
        if let ending { follow(flight, ending) }
    }

    private mutating func follow(_ id: UInt64, _ ending: Cache<String, String>.Ending) {
        running[id] = nil
        for waiter in ending.waiters {
            guard let id = callers.removeValue(forKey: waiter) else { continue }
            let succeeded: Bool = if case .success = ending.delivery { true } else { false }
            outcomes[id] = .string(succeeded ? "success" : "failure")
        }
        if let start = ending.restart { running[start.flight] = Running(start: start, load: nil) }
    }
}
