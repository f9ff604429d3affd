extension ConcurrencyLimiter {
    /// How a call ended.
    enum Outcome: Sendable, Hashable {
        /// With the latency in nanoseconds.
        case success(Double)
        /// The other side was overloaded: it refused, or the call timed out.
        case dropped
        /// Says nothing about the load.
        case ignored
    }

    /// The decisions of an adaptive limit; no clock, lock, task or callback.
    struct StateMachine: Sendable {
        /// A time in which fewer calls run, so that their latency is that of the other side without a queue.
        private struct Probe {
            /// The calls that are still to be seen.
            var left: Int
            var seen = 0
            var sum = 0.0
            var least = Double.infinity
        }

        private typealias Policy = ConcurrencyLimitPolicy

        private let algorithm: ConcurrencyLimitPolicy.Algorithm
        private let minimum: Double
        private let maximum: Double
        private var chance: Chance
        private(set) var estimate: Double
        /// The calls that run.
        private(set) var inFlight = 0
        /// The latency without a queue in nanoseconds: the least (Vegas), or what is usual (gradient). Zero: unknown.
        private(set) var baseline = 0.0
        /// What the gradient's baseline was when few calls ran; it may not go far from there.
        private var anchor = 0.0
        private var samples = 0
        private var probe: Probe?
        private var probeAt: Int?

        init(_ policy: ConcurrencyLimitPolicy, chance: Chance) {
            algorithm = policy.algorithm
            let least = min(max(1, policy.minimum), 1 << 30)
            minimum = Double(least)
            maximum = Double(min(max(least, policy.maximum), 1 << 30))
            estimate = min(max(Double(policy.initial), minimum), maximum)
            self.chance = chance
            planProbe()
        }

        /// The calls that may run at a time.
        var limit: Int { Int(probe == nil ? estimate : max(minimum, estimate / 2)) }
        /// Whether the limit is halved for a probe.
        var isProbing: Bool { probe != nil }

        /// Asks to let a call in.
        ///
        /// - Returns: The calls that run then, this one included; nil if the limit is reached.
        mutating func enter() -> Int? {
            guard inFlight < limit else { return nil }
            inFlight += 1
            return inFlight
        }

        /// Ends a call.
        ///
        /// - Parameter entered: The calls that ran when it began.
        mutating func leave(_ outcome: Outcome, entered: Int) {
            inFlight = max(0, inFlight - 1)
            switch outcome {
            case .success(let latency): sample(latency, inFlight: entered, dropped: false)
            case .dropped: sample(0, inFlight: entered, dropped: true)
            case .ignored: break
            }
        }

        /// Learns from the end of one call.
        mutating func sample(_ latency: Double, inFlight: Int, dropped: Bool) {
            guard latency.isFinite else { return }
            // A latency below the clock's resolution is still one.
            let latency = max(1, latency)
            let isMeasuring = probe != nil
            if !dropped || isMeasuring { measure(latency, inFlight: inFlight, dropped: dropped) }
            if isMeasuring && !dropped { return }
            let next =
                switch algorithm {
                case .aimd(let settings): aimd(settings, latency, inFlight, dropped)
                case .vegas(let settings): vegas(settings, latency, inFlight, dropped)
                case .gradient(let settings): gradient(settings, latency, inFlight, dropped)
                }
            // Settings that are not numbers change nothing.
            if next.isFinite { estimate = min(max(next, minimum), maximum) }
        }

        // MARK: The algorithms, each giving the next limit

        private func aimd(
            _ settings: ConcurrencyLimitPolicy.AIMD, _ latency: Double, _ inFlight: Int, _ dropped: Bool
        ) -> Double {
            if dropped || latency > settings.timeout / .nanoseconds(1) {
                return (estimate * min(max(settings.backoff, 0), 1)).rounded(.down)
            }
            return Double(inFlight) * 2 >= estimate ? estimate + 1 : estimate
        }

        private mutating func vegas(
            _ settings: ConcurrencyLimitPolicy.Vegas, _ latency: Double, _ inFlight: Int, _ dropped: Bool
        ) -> Double {
            let smoothing = min(max(0, settings.smoothing), 1)
            func changed(by step: Double) -> Double {
                estimate * (1 - smoothing) + min(max(estimate + step, minimum), maximum) * smoothing
            }
            if dropped { return changed(by: -settings.decrease(estimate)) }
            guard baseline > 0, latency >= baseline else {
                baseline = latency
                return estimate
            }
            // Calls that do not use the limit cannot say that it is too low.
            guard Double(inFlight) * 2 >= estimate else { return estimate }
            let queue = (estimate * (1 - baseline / latency)).rounded(.up)
            if queue <= settings.threshold(estimate) { return changed(by: settings.beta(estimate)) }
            if queue < settings.alpha(estimate) {
                return changed(by: ConcurrencyLimitPolicy.Amount.logarithmic(1)(estimate))
            }
            return queue > settings.beta(estimate) ? changed(by: -settings.decrease(estimate)) : estimate
        }

        private mutating func gradient(
            _ settings: ConcurrencyLimitPolicy.Gradient, _ latency: Double, _ inFlight: Int, _ dropped: Bool
        ) -> Double {
            let smoothing = min(max(0, settings.smoothing), 1)
            if dropped { return estimate * (1 - smoothing / 2) }
            let isIdle = Double(inFlight) * 2 < estimate
            let tolerance = max(1, settings.tolerance)
            learn(latency, window: settings.window, tolerance: tolerance, isIdle: isIdle)
            guard !isIdle else { return estimate }
            // One slow call takes off no more than half of the smoothing's share.
            let gradient = min(max(tolerance * baseline / latency, 0.5), 1)
            let growth = gradient == 1 ? max(0, settings.queue) : 0
            return estimate * (1 - smoothing) + (estimate * gradient + growth) * smoothing
        }

        /// Moves the usual latency towards `latency`, but not far from what it was when few calls ran: under an
        /// overload that lasts, the average of what is seen would become what is usual.
        private mutating func learn(_ latency: Double, window: Int, tolerance: Double, isIdle: Bool) {
            let warmUp = 10
            if samples <= warmUp {
                baseline += (latency - baseline) / Double(samples)
                anchor = baseline
                return
            }
            let share = 2 / (Double(max(1, window)) + 1)
            // One very slow call counts as one at the edge of the tolerance.
            let clipped = min(latency, tolerance * baseline)
            baseline += (clipped - baseline) * share
            if baseline > 2 * latency { baseline *= 0.95 }
            if isIdle { anchor += (min(latency, tolerance * anchor) - anchor) * share }
            baseline = min(max(baseline, anchor / 1.1), anchor * 1.1)
        }

        // MARK: Probes

        private mutating func planProbe() {
            let jitter = 0.5 + chance.unit() / 2
            samples = min(samples, 1 << 32)
            switch algorithm {
            case .aimd: probeAt = nil
            case .vegas(let settings):
                probeAt = settings.probe.map {
                    samples + Int(Double(min(max(1, $0), 1 << 20)) * estimate * jitter)
                }
            case .gradient(let settings):
                probeAt = settings.probe.map { samples + Int(Double(min(max(1, $0), 1 << 30)) * jitter) }
            }
        }

        /// Counts a sample, begins a probe when it is time and takes up what it has shown.
        private mutating func measure(_ latency: Double, inFlight: Int, dropped: Bool) {
            samples += dropped ? 0 : 1
            guard var current = probe else {
                if let probeAt, samples > max(10, probeAt) { probe = Probe(left: 20) }
                return
            }
            // Calls from before the probe have seen the full load.
            guard inFlight <= limit else { return }
            current.left -= 1
            if !dropped {
                current.seen += 1
                current.sum += latency
                current.least = min(current.least, latency)
            }
            probe = current
            if current.left <= 0 { end(current) }
        }

        private mutating func end(_ ended: Probe) {
            probe = nil
            planProbe()
            guard ended.seen > 0 else { return }
            if case .vegas = algorithm {
                baseline = ended.least
            } else {
                baseline = ended.sum / Double(ended.seen)
            }
            anchor = baseline
        }
    }
}
