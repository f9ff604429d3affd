extension CircuitBreaker {
    /// What a breaker remembers across a restart: its state, its window and how often it opened.
    ///
    /// Half-open is remembered as open with no time left, so that the first call after a restart is a probe.
    /// Holds by hand are not remembered.
    public struct Memory: Sendable, Hashable, Codable {
        var history: CallWindow.History
        var consecutiveFailures: Int
        var openings: Int
        /// The time left open; nil when the breaker was closed.
        var openLeft: Duration?
        /// How long that opening lasts in all.
        var openFor: Duration
    }
}

extension CircuitBreaker.StateMachine {
    /// What there is to remember at `now`; nil when the breaker is held or switched off by hand.
    mutating func memory(at now: Instant) -> CircuitBreaker.Memory? {
        _ = advance(at: now)
        var memory = CircuitBreaker.Memory(
            history: window.history(at: now), consecutiveFailures: consecutiveFailures, openings: openings,
            openLeft: nil, openFor: .zero)
        switch phase {
        case .closed: break
        case .open(let until, let duration): (memory.openLeft, memory.openFor) = (until.since(now), duration)
        case .halfOpen(_, let duration), .ramping(_, _, let duration):
            (memory.openLeft, memory.openFor) = (.zero, duration)
        case .isolated, .disabled: return nil
        }
        return memory
    }

    /// Takes up where `memory` left off, as a new generation. What is impossible in it is left out.
    mutating func restore(_ memory: CircuitBreaker.Memory, at now: Instant) {
        _ = forceClosed(at: now)
        openings = min(max(0, memory.openings), 1000)
        if let left = memory.openLeft {
            let longest = policy.open.maximum.saturating(times: 1 + policy.open.jitter)
            let openFor = min(max(.zero, memory.openFor), longest)
            phase = .open(until: now.advanced(by: min(max(.zero, left), openFor)), for: openFor)
        } else {
            window.refill(from: memory.history, at: now)
            consecutiveFailures = max(0, memory.consecutiveFailures)
        }
    }
}
