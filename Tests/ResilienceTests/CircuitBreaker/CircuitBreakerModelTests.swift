import Testing

@testable import Resilience

/// The breaker beside one that is written as plainly as it can be: it keeps every call, and counts them anew each time.
@Suite struct CircuitBreakerModelTests {
    private struct Model {
        let policy: CircuitBreakerPolicy
        /// A call of the model: the change of state it belongs to, and whether it is a probe.
        struct Call {
            let epoch: Int, probe: Bool
        }
        var state = CircuitBreaker.State.closed, epoch = 0, openUntil = Instant(), probesOut = 0, probed = 0
        var calls: [(at: Instant, slice: Instant, failed: Bool, slow: Bool)] = []

        mutating func admit(at now: Instant) -> Call? {
            if state == .open, now >= openUntil { change(to: .halfOpen) }
            if state == .open || (state == .halfOpen && probesOut + probed >= 2) { return nil }
            if state == .halfOpen { probesOut += 1 }
            return Call(epoch: epoch, probe: state == .halfOpen)
        }

        mutating func settle(_ call: Call, failed: Bool, slow: Bool, ignored: Bool, at now: Instant) {
            guard call.epoch == epoch else { return }
            if state == .halfOpen {
                probesOut -= 1
                if ignored { return }
                if failed { return open(at: now) }
                probed += 1
                if probed == 2 { change(to: .closed) }
            } else if !ignored {
                calls.append((now, slice(of: now), failed, slow))
                if trips(at: now) { open(at: now) }
            }
        }

        /// A slice begins with the first call that no living slice of a tenth of the window has room for.
        private func slice(of now: Instant) -> Instant {
            guard case .time(let length, let slices, _) = policy.window else { return now }
            let alive = calls.last { now.since($0.slice) < length }
            return alive.map { now.since($0.slice) < length / slices ? $0.slice : now } ?? now
        }

        func seen(at now: Instant) -> (calls: Int, failures: Int, slow: Int) {
            let inWindow =
                switch policy.window {
                case .calls(let size): Array(calls.suffix(size))
                case .time(let length, _, _): calls.filter { now.since($0.slice) < length }
                case .interval: calls
                }
            return (inWindow.count, inWindow.count { $0.failed }, inWindow.count { $0.slow })
        }

        private func trips(at now: Instant) -> Bool {
            let seen = seen(at: now), all = Double(seen.calls)
            return seen.calls >= policy.minimumCalls
                && (Double(seen.failures) / all >= 0.5 || Double(seen.slow) / all >= 0.8)
        }

        private mutating func open(at now: Instant) {
            change(to: .open)
            openUntil = now.advanced(by: .seconds(1))
        }

        private mutating func change(to next: CircuitBreaker.State) {
            (state, epoch, calls, probesOut, probed) = (next, epoch + 1, [], 0, 0)
        }
    }

    @Test(arguments: [
        CircuitBreakerPolicy.Window.calls(5), .calls(1), .calls(16), .time(.seconds(2), slices: 10),
        .time(.seconds(1), slices: 1), .interval(nil),
    ])
    func `it equals a plain model over thousands of random sequences`(window: CircuitBreakerPolicy.Window) {
        for seed in 0..<1000 {
            guard let difference = Self.difference(window, seed) else { continue }
            Issue.record("\(window), seed \(seed): \(difference)")
            return
        }
    }

    private static func policy(_ window: CircuitBreakerPolicy.Window) -> CircuitBreakerPolicy {
        var policy = CircuitBreakerPolicy(window: window, failureRate: 0.5, minimumCalls: 3)
        if case .calls(let size) = window { policy.minimumCalls = min(3, size) }
        policy.open = .init(first: .seconds(1), multiplier: 1, jitter: 0)
        (policy.slowCallRate, policy.slowCallDuration) = (0.8, .milliseconds(300))
        policy.verdict = .consecutiveSuccesses(2)
        (policy.probeLease, policy.maximumHalfOpen) = (nil, nil)
        return policy
    }

    /// Plays a random sequence of overlapping calls on both; what differs first, nil if nothing does.
    private static func difference(_ window: CircuitBreakerPolicy.Window, _ seed: Int) -> String? {
        var chance = Chance(seed: UInt64(seed)), now = Instant()
        let policy = policy(window), badness = chance.next() % 4
        var machine = BreakerFixture.Machine(policy, chance: chance, at: now), model = Model(policy: policy)
        var inFlight: [(ticket: CircuitBreaker.Ticket, call: Model.Call, since: Instant)] = []
        for step in 0..<100 {
            now = now.advanced(by: .milliseconds(Int(chance.next() % (chance.next() % 20 == 0 ? 3000 : 150))))
            if chance.next() % 2 == 0 || inFlight.isEmpty {
                switch (machine.ticket(at: now), model.admit(at: now)) {
                case (let ticket?, let call?): inFlight.append((ticket, call, now))
                case (nil, nil): break
                case (let ticket, _): return "step \(step): admitted \(ticket != nil)"
                }
            } else {
                let one = inFlight.remove(at: Int(chance.next() % UInt64(inFlight.count)))
                let took = now.since(one.since)
                let failed = chance.next() % 4 < badness, ignored = chance.next() % 10 == 0
                let outcome: CircuitBreaker.Outcome = ignored ? .ignored : failed ? .failure() : .success
                _ = machine.record(outcome, of: one.ticket, took: took, at: now)
                model.settle(
                    one.call, failed: failed, slow: took > .milliseconds(300), ignored: ignored, at: now)
            }
            guard machine.state == model.state else {
                return "step \(step): \(machine.state), not \(model.state)"
            }
            if machine.state == .closed {
                _ = machine.advance(at: now)
                let (counts, seen) = (machine.counts, model.seen(at: now))
                guard (counts.calls, counts.failures, counts.slow) == seen else {
                    return "step \(step): \(counts), not \(seen)"
                }
            }
        }
        return nil
    }
}
