@testable import Resilience

/// What the tests of the breaker's decisions share.
enum BreakerFixture {
    typealias Machine = CircuitBreaker.StateMachine

    static func at(_ seconds: Double) -> Instant {
        Instant(sinceOrigin: .nanoseconds(Int64((seconds * 1e9).rounded())))
    }

    /// A policy that opens at two failures of at most four calls, for 5 s, then 10 s, at most 30 s, without jitter.
    static func policy(_ change: (inout CircuitBreakerPolicy) -> Void = { _ in }) -> CircuitBreakerPolicy {
        var policy = CircuitBreakerPolicy(
            window: .calls(4), failureRate: 0.5, minimumCalls: 2,
            open: .init(first: .seconds(5), multiplier: 2, maximum: .seconds(30), jitter: 0))
        change(&policy)
        return policy
    }

    static func machine(
        at now: Instant = Instant(), _ change: (inout CircuitBreakerPolicy) -> Void = { _ in }
    )
        -> Machine
    {
        Machine(policy(change), chance: Chance(seed: 1), at: now)
    }
}

extension CircuitBreaker.StateMachine {
    /// Asks for one call; nil if it is refused.
    mutating func ticket(at now: Instant) -> CircuitBreaker.Ticket? {
        if case .admitted(let ticket) = admit(at: now).0 { return ticket }
        return nil
    }

    /// Makes one call that ends at once.
    ///
    /// - Returns: Whether it was let through.
    @discardableResult
    mutating func call(_ outcome: CircuitBreaker.Outcome, took: Duration? = nil, at now: Instant) -> Bool {
        guard let ticket = ticket(at: now) else { return false }
        _ = record(outcome, of: ticket, took: took, at: now)
        return true
    }

    /// Fails twice, which opens it.
    mutating func trip(at now: Instant) {
        call(.failure(), at: now)
        call(.failure(), at: now)
    }
}
