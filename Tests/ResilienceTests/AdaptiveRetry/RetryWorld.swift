import Testing

@testable import Resilience

/// A dependency that fails in a certain way for some eleven hours, and 20,000 operations that ask it.
struct RetryWorld {
    enum Regime: String, CaseIterable {
        case transient = "transient 8 %"
        case bursts = "bursts 4 s"
        case outages = "outages 60 s"
        case rateLimit = "rate limit 5-10 s"
    }

    enum Rule: String, CaseIterable {
        case none, immediate, fixed, linear, exponential, fullJitter, adaptive
    }

    struct Result {
        var succeeded = 0, attempts = 0
        var delay = 0.0
        /// In percent.
        var success: Double { 100 * Double(succeeded) / Double(RetryWorld.operations) }
        /// In seconds.
        var meanDelay: Double { delay / Double(max(1, succeeded)) }
        var amplification: Double { Double(attempts) / Double(RetryWorld.operations) }
    }

    static let operations = 20_000
    private static let end = 40_000.0

    let regime: Regime
    private var begins: [Double] = [], ends: [Double] = []
    /// The chance of a failure outside of all faults.
    private var noise: Double { regime == .transient ? 0.08 : 0.01 }

    /// The faults of the world with this seed.
    init(_ regime: Regime, seed: UInt32) {
        self.regime = regime
        var chance = MersenneTwister(seed: seed), time = 0.0
        while regime != .transient, time < Self.end {
            let gap: Double =
                switch regime {
                case .transient, .bursts: 60
                case .outages: 900
                case .rateLimit: 45
                }
            time += chance.exponential(mean: gap)
            begins.append(time)
            if regime == .rateLimit {
                time += 5 + chance.unit() * 5
            } else {
                time += chance.exponential(mean: regime == .bursts ? 4 : 60)
            }
            ends.append(time)
        }
    }

    /// When the fault ends that there is at `time`, if there is one.
    private func fault(at time: Double) -> Double? {
        var low = 0, high = begins.count
        while low < high {
            let middle = (low + high) / 2
            if begins[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low > 0 && time < ends[low - 1] ? ends[low - 1] : nil
    }

    /// Plays all operations; each may be retried three times and within 30 s.
    func play(_ rule: Rule, seed: UInt64) -> Result {
        var chance = Chance(seed: seed), time = 0.0, result = Result()
        var adaptive = AdaptiveRetry<String>.StateMachine(AdaptiveRetryPolicy(), chance: Chance(seed: ~seed))
        for _ in 0..<Self.operations {
            time -= 2 * Double.logarithm(1 - chance.unit())
            result.attempts += 1
            if !fails(at: time, &chance) {
                result.succeeded += 1
                continue
            }
            let added =
                rule == .adaptive
                ? retried(by: &adaptive, from: time, &chance, &result)
                : retried(by: rule, from: time, &chance, &result)
            if let added {
                result.succeeded += 1
                result.delay += added
            }
        }
        return result
    }

    private func fails(at time: Double, _ chance: inout Chance) -> Bool {
        fault(at: time) != nil || chance.unit() < noise
    }

    private func retried(
        by rule: Rule, from time: Double, _ chance: inout Chance, _ result: inout Result
    ) -> Double? {
        let policy = RetryPolicy(
            maximumAttempts: rule == .none ? 1 : 4, backoff: Self.backoff(rule), retryAfter: .ignored,
            maximumDuration: .seconds(30))
        var machine = Retry.StateMachine(policy, startedAt: Instant(sinceOrigin: .seconds(time)))
        var now = time
        while case .retry(let wait, _) = machine.next(
            random: chance.unit(), at: Instant(sinceOrigin: .seconds(now)))
        {
            now += wait / .seconds(1)
            result.attempts += 1
            if !fails(at: now, &chance) { return now - time }
        }
        return nil
    }

    private func retried(
        by machine: inout AdaptiveRetry<String>.StateMachine, from time: Double, _ chance: inout Chance,
        _ result: inout Result
    ) -> Double? {
        var now = time
        var call = machine.begin(startedAt: Instant(sinceOrigin: .seconds(time)), deadline: nil)
        var rounds = Rounds()
        while rounds.another() {
            // A server that limits a rate says when it will let calls through again.
            let wish = regime == .rateLimit ? fault(at: now).map { Duration.seconds($0 - now) } : nil
            let decision = machine.next(
                &call, key: "failure", retryAfter: wish, at: Instant(sinceOrigin: .seconds(now)))
            guard case .retry(let wait, _) = decision.step else { return nil }
            now += wait / .seconds(1)
            result.attempts += 1
            if !fails(at: now, &chance) {
                machine.settle(&call, succeeded: true, at: Instant(sinceOrigin: .seconds(now)))
                return now - time
            }
        }
        return nil
    }

    private static func backoff(_ rule: Rule) -> Backoff {
        let second = Duration.seconds(1), most = Duration.seconds(60)
        return switch rule {
        case .none, .immediate, .adaptive:
            Backoff(base: .milliseconds(20), growth: .constant, jitter: .none)
        case .fixed: Backoff(base: second, growth: .constant, jitter: .none)
        case .linear: Backoff(base: second, growth: .linear, jitter: .none, maximum: most)
        case .exponential: Backoff(base: second, jitter: .none, maximum: most)
        case .fullJitter: Backoff(base: second, jitter: .full, maximum: most)
        }
    }
}
