// When a breaker opens, and for how long.
extension CircuitBreaker.StateMachine {
    mutating func open(
        _ seen: CallWindow.Counts, retryAfter: Duration?, exactly: Duration? = nil,
        at now: Instant
    ) -> CircuitBreaker.Transition {
        forgetOldOpenings(at: now)
        adaptive?.dropSlice(at: now)
        slowness?.dropSlice(at: now)
        openings += 1
        let planned = exactly ?? openDuration(openings: openings)
        let asked = min(retryAfter ?? .zero, policy.open.maximum)
        let duration = max(planned, asked)
        probedOrOpenedAt = now
        wishedUntil = asked > .zero ? now.advanced(by: asked) : nil
        let transition = enter(
            .open(until: now.advanced(by: duration), for: duration), seen: seen, at: now)
        countsAtOpening = window.forgetsOnTransition ? CallWindow.Counts() : seen
        return transition
    }

    /// Forgets one opening for each decay interval that the breaker was closed.
    mutating func forgetOldOpenings(at now: Instant) {
        guard case .closed(let since) = phase, openings > 0, let decay = policy.open.decay else { return }
        guard decay > .zero else { return openings = 0 }
        let intervals = now.since(since) / decay
        openings = intervals >= Double(openings) ? 0 : openings - Int(intervals)
    }

    mutating func openDuration(openings: Int) -> Duration {
        let open = policy.open
        if !open.steps.isEmpty { return open.steps[min(openings, open.steps.count) - 1] }
        let grown = min(open.first.saturating(times: open.multiplier.power(openings - 1)), open.maximum)
        guard open.jitter > 0 else { return grown }
        return grown.saturating(times: 1 + open.jitter * (2 * chance.unit() - 1))
    }

    /// A call from before the opening may bring a longer wish to be left alone; it never shortens one.
    mutating func lengthen(by wish: Duration?, at now: Instant) {
        guard let wish, case .open(let until, let openedFor) = phase else { return }
        let end = now.advanced(by: min(wish, policy.open.maximum))
        wishedUntil = max(wishedUntil ?? end, end)
        if end > until { phase = .open(until: end, for: openedFor) }
    }
}
