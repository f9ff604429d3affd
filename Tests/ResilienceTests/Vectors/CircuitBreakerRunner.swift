import Foundation
import Synchronization

@testable import Resilience

/// Plays circuit breaker vectors on a real breaker in virtual time.
struct CircuitBreakerRunner: PatternRunner {
    /// A permit that can be kept.
    private final class Kept {
        private var permit: CircuitBreaker.Permit?

        init(_ permit: consuming CircuitBreaker.Permit) { self.permit = consume permit }

        func settle(_ outcome: CircuitBreaker.Outcome) {
            if let taken = permit.take() { taken.settle(outcome) }
        }
    }

    private final class Events: Sendable {
        let all = Mutex<[CircuitBreakerEvent]>([])
    }

    private let stage = Stage()
    private let events = Events()
    private var breaker: CircuitBreaker
    private var unnamed: [Kept] = []
    /// By the names they were started under; nil for those that were not let through.
    private var named: [String: Kept?] = [:]
    private var holds: [String: CircuitBreaker.Isolation] = [:]
    private var ignored = 0
    /// The calls below which the source shows no rate.
    private let shownFrom: Int

    init(_ config: Fields) throws {
        try stage.advance(by: try config.duration("start_ms") ?? .zero)
        let policy = try CircuitBreakerSettings.policy(config)
        shownFrom = config["minimum_calls"] == nil && config["trip"] == nil ? 0 : policy.minimumCalls
        breaker = Self.breaker(policy, stage, events)
    }

    private static func breaker(_ policy: CircuitBreakerPolicy, _ stage: Stage, _ events: Events)
        -> CircuitBreaker
    {
        CircuitBreaker(
            "breaker", policy: policy, time: stage.strategies, chance: Chance(seed: 1),
            onEvent: { event in events.all.withLock { $0.append(event) } })
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "inspect": break
        case "advance": try stage.advance(by: try step.required("ms").duration())
        case "set_time": try stage.advance(to: Instant(sinceOrigin: try step.required("ms").duration()))
        case "acquire": if let permit = admit(&seen) { unnamed.append(permit) }
        case "release":
            guard let permit = unnamed.popLast() else {
                throw Unsupported("\(step.path): nothing to release")
            }
            permit.settle(.ignored)
        case "start": named[try step.required("id").text()] = .some(admit(&seen))
        case "finish": try finish(step)
        case "call":
            let attempt = try PlayedAttempt(step)
            seen = try call(attempt)
        case "record":
            for _ in 0..<(try step.count("successes", or: 0)) {
                seen = try call(PlayedAttempt(.value("success")))
            }
            for _ in 0..<(try step.count("failures", or: 0)) {
                seen = try call(PlayedAttempt(.error(PlayedError(word: "failure"))))
            }
        case "force": try force(step)
        case "isolate", "dispose": try hold(op, step)
        case "cycle_open_half_open":
            for _ in 0..<(try step.count("times")) {
                breaker.open()
                try stage.advance(by: breaker.snapshot.remainingOpen)
                _ = breaker.snapshot
            }
        case "serialize_restore": try restore()
        default: throw Unsupported("\(step.path).op: unknown")
        }
        return seen.merging(shown()) { own, _ in own }
    }

    // MARK: Operations

    private func admit(_ seen: inout [String: JSON]) -> Kept? {
        do throws(Rejection) {
            let permit = Kept(try breaker.admit())
            seen["permitted"] = .bool(true)
            return permit
        } catch {
            seen = refused(error)
            return nil
        }
    }

    private func refused(_ rejection: Rejection) -> [String: JSON] {
        [
            "permitted": .bool(false), "error": .string(rejection.reason.rawValue), "rethrown": .bool(false),
            "retry_after_ms": rejection.retryAfter.map(Self.shown) ?? .null,
        ]
    }

    private mutating func call(_ attempt: PlayedAttempt) throws -> [String: JSON] {
        let (breaker, time) = (breaker, stage.time)
        if !attempt.outcome.isSuccess, Self.meaning(attempt.outcome) == .ignored { ignored += 1 }
        let result = try stage.run {
            try await breaker.run(judging: Self.meaning) {
                try await time.sleep(for: attempt.duration)
                return try attempt.outcome.get()
            }
        }
        switch (result, attempt.outcome) {
        case (.success, _): return ["permitted": .bool(true), "rethrown": .bool(false)]
        case (.failure(let rejection as Rejection), _): return refused(rejection)
        case (.failure(let error as PlayedError), .error(let own)):
            return ["permitted": .bool(true), "rethrown": .bool(error == own), "error": .string(error.word)]
        case (.failure(let error), _):
            let isOwn = error is CancellationError && attempt.outcome == .cancelled
            return ["permitted": .bool(true), "rethrown": .bool(isOwn), "error": .string("cancelled")]
        }
    }

    private mutating func finish(_ step: Fields) throws {
        let id = try step.required("id")
        guard let started = named.removeValue(forKey: try id.text()) else { throw id.unknown }
        let meaning = Self.meaning(try step.required("outcome").outcome())
        guard let started else { return }
        if meaning == .ignored { ignored += 1 }
        started.settle(meaning)
    }

    @Sendable private static func meaning(_ error: any Error) -> CircuitBreaker.Outcome {
        guard let error = error as? PlayedError else { return CircuitBreaker.judge(error) }
        return error.isIgnored ? .ignored : .failure(retryAfter: error.retryAfter)
    }

    private static func meaning(_ outcome: Outcome) -> CircuitBreaker.Outcome {
        switch outcome {
        case .value: .success
        case .error(let error): meaning(error)
        case .cancelled: meaning(CancellationError())
        }
    }

    private func force(_ step: Fields) throws {
        let state = try step.required("state"), word = try state.text()
        let time = word == "open" ? try step.duration("for_ms") : nil
        switch word {
        case "open": breaker.open(for: time)
        case "half_open": breaker.halfOpen()
        case "closed": breaker.close()
        case "isolated": breaker.isolate()
        case "disabled": breaker.disable()
        default: throw state.unknown
        }
    }

    private mutating func hold(_ op: String, _ step: Fields) throws {
        let id = try step.required("id"), name = try id.text()
        if op == "isolate" {
            holds[name] = breaker.isolate()
        } else {
            guard let hold = holds.removeValue(forKey: name) else { throw id.unknown }
            hold.end()
        }
    }

    private mutating func restore() throws {
        guard let memory = breaker.memory else { return }
        let kept = try JSONEncoder().encode(memory)
        breaker = Self.breaker(breaker.policy, stage, events)
        breaker.restore(try JSONDecoder().decode(CircuitBreaker.Memory.self, from: kept))
    }

    // MARK: What is seen

    /// In whole microseconds, since a boundary that is "after" lies a nanosecond later.
    private static func shown(_ duration: Duration) -> JSON {
        duration >= .longest ? .string("max") : .number((duration.milliseconds * 1000).rounded() / 1000)
    }

    private func shown() -> [String: JSON] {
        let snapshot = breaker.snapshot, events = events.all.withLock { $0 }
        // What a snapshot does not have.
        let (counts, consecutiveFailures) = breaker.decide { ($0.counts, $0.consecutiveFailures) }
        let countsIgnored: Bool = if case .interval = breaker.policy.window { true } else { false }
        func rate(_ part: Int) -> JSON {
            if snapshot.state == .closed, snapshot.calls < shownFrom { return .null }
            return .number(snapshot.calls == 0 ? 0 : Double(part) / Double(snapshot.calls))
        }
        func times(_ state: CircuitBreaker.State) -> JSON { JSON(events.count { $0.to == state }) }
        let openings = events.filter { $0.to == .open }.map(\.openings)
        return [
            "state": .string(snapshot.state.rawValue),
            // gobreaker's interval counts include the calls that were excluded from judgement.
            "calls": JSON(snapshot.calls + counts.ignored),
            "failures": JSON(snapshot.failures),
            "successes": JSON(snapshot.calls - snapshot.failures),
            "slow_calls": JSON(snapshot.slowCalls),
            "ignored": JSON(snapshot.state == .closed && countsIgnored ? counts.ignored : ignored),
            "failure_rate": rate(snapshot.failures),
            "slow_call_rate": rate(snapshot.slowCalls),
            "not_permitted": JSON(snapshot.rejected),
            "consecutive_failures": JSON(consecutiveFailures),
            "opened": times(.open), "half_opened": times(.halfOpen), "closed": times(.closed),
            "open_attempt": JSON(snapshot.openings),
            "remaining_ms": Self.shown(snapshot.remainingOpen),
            "blocked_until": Self.shown(stage.now.sinceOrigin + snapshot.remainingOpen),
            "generator_attempts": .list(openings.map { JSON($0 - 1) }),
        ]
    }
}
