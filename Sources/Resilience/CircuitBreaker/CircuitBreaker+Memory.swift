extension CircuitBreaker {
    /// What a breaker remembers across a restart: its state, its window, how often it opened and what is normal.
    ///
    /// Half-open is remembered as open with no time left, so that the first call after a restart is a probe. What was set
    /// by hand is not remembered. All times in it are durations, so that it means the same on another clock; nothing in
    /// it is trusted when it is taken up again.
    public struct Memory: Sendable, Hashable, Codable {
        var history: CallWindow.History
        var consecutiveFailures: Int
        var openings: Int
        /// The time left open; nil when the breaker was closed.
        var openLeft: Duration?
        /// How long that opening lasts in all.
        var openFor: Duration
        // What older versions did not remember is optional.
        /// How long it had been closed.
        var closedFor: Duration?
        /// What was learned of the failure rate.
        var failureRate: AdaptiveThreshold.Learned?
        /// What was learned of the time that calls take.
        var callTime: SlowCallThreshold.Learned?
    }

    /// What to keep across a restart; nil while the breaker is held or switched off by hand.
    public var memory: Memory? {
        let now = time.now
        let (memory, transition) = decide { machine in
            let transition = machine.advance(at: now)
            return (machine.memory(at: now), transition)
        }
        report(transition)
        return memory
    }

    /// Takes up where `memory` left off, whatever policy it was made under. Calls in flight become late. A breaker that
    /// is held or switched off by hand stays so, and takes over only what is normal.
    public func restore(_ memory: Memory) {
        let now = time.now
        decide { $0.restore(memory, at: now) }
    }
}

extension CircuitBreaker.StateMachine {
    /// A number of calls or failures that can be believed.
    private static let most = 1_000_000_000

    /// What there is to remember at `now`; nil when the breaker is held or switched off by hand.
    func memory(at now: Instant) -> CircuitBreaker.Memory? {
        var memory = CircuitBreaker.Memory(
            history: window.history(at: now), consecutiveFailures: consecutiveFailures, openings: openings,
            openLeft: nil, openFor: .zero, closedFor: nil, failureRate: adaptive?.learned,
            callTime: slowness?.learned)
        switch phase {
        case .closed(let since): memory.closedFor = max(.zero, now.since(since))
        case .open(let until, let duration):
            (memory.openLeft, memory.openFor) = (max(.zero, until.since(now)), duration)
        case .halfOpen(_, let duration), .ramping(_, _, let duration):
            (memory.openLeft, memory.openFor) = (.zero, duration)
        case .isolated, .disabled: return nil
        }
        return memory
    }

    /// Takes up where `memory` left off, as a new generation. What is impossible in it is left out.
    mutating func restore(_ memory: CircuitBreaker.Memory, at now: Instant) {
        if let learned = memory.failureRate { adaptive?.takeOver(learned, at: now) }
        if let learned = memory.callTime { slowness?.takeOver(learned, at: now) }
        switch phase {
        case .isolated, .disabled: return
        case .closed, .open, .halfOpen, .ramping: break
        }
        let closedFor = min(max(.zero, memory.closedFor ?? .zero), .unbounded)
        _ = enter(.closed(since: now.advanced(by: .zero - closedFor)), at: now)
        openings = min(max(0, memory.openings), 1000)
        if let left = memory.openLeft {
            let longest = policy.open.maximum.saturating(times: 1 + policy.open.jitter)
            let openFor = min(max(.zero, memory.openFor), longest)
            phase = .open(until: now.advanced(by: min(max(.zero, left), openFor)), for: openFor)
        } else {
            window.refill(from: memory.history, at: now)
            consecutiveFailures = min(max(0, memory.consecutiveFailures), Self.most)
        }
    }
}
