/// How long to wait before the first, second, ... retry.
///
/// The delay grows from ``base``, is varied by ``jitter`` so that many callers do not come back in step, and is
/// kept between ``minimum`` and ``maximum`` afterwards, so that jitter can never exceed the cap.
public struct Backoff: Sendable, Hashable {
    /// How the delay grows from retry to retry (a counts from 0).
    @nonexhaustive
    public enum Growth: Sendable, Hashable {
        /// base, base, base, ...
        case constant
        /// base, 2 base, 3 base, ...
        case linear
        /// base, base m, base m², ... Range: m of 1 or more.
        case exponential(multiplier: Double = 2)
        /// These delays in their order, and the last of them from then on; the base if there are none.
        /// Range: each 0 or more.
        case listed([Duration])
        /// Anywhere between the minimum and the maximum.
        case random
    }

    /// How chance varies the delay.
    @nonexhaustive
    public enum Jitter: Sendable, Hashable {
        /// Not at all.
        case none
        /// Anywhere from 0 to the capped delay. The best spread for many callers
        /// (Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015).
        case full
        /// From half of the capped delay to the whole.
        case half
        /// Up to this share of the delay, in both directions. Range: 0 to 1.
        case proportional(Double)
        /// Up to this much time, in both directions. Range: 0 or more.
        case absolute(Duration)
        /// Up to this much time on top (tenacity's `wait_exponential_jitter`, stamina). Range: 0 or more.
        case added(Duration)
        /// Anywhere from the base to three times the last delay (same source as ``full``); growth is not used.
        case decorrelated
        /// A smooth exponential series whose median is about base 2^a, without the spikes of ``decorrelated``
        /// (Polly.Contrib.WaitAndRetry, "DecorrelatedJitterBackoffV2"); growth is not used.
        case decorrelatedSmooth
    }

    /// The first delay. Range: 0 or more. Default: 100 ms.
    public var base: Duration
    /// How it grows. Default: doubling.
    public var growth: Growth
    /// How chance varies it. Default: full.
    public var jitter: Jitter
    /// The shortest delay. Range: 0 or more. Default: 0.
    public var minimum: Duration
    /// The longest delay, jitter included; it holds where the minimum is longer. Range: 0 or more.
    /// Default: 30 s.
    public var maximum: Duration

    /// Creates a backoff. A value out of its range counts as the nearest one within it.
    public init(
        base: Duration = .milliseconds(100), growth: Growth = .exponential(), jitter: Jitter = .full,
        minimum: Duration = .zero, maximum: Duration = .seconds(30)
    ) {
        self.base = base
        self.growth = growth
        self.jitter = jitter
        self.minimum = minimum
        self.maximum = maximum
    }
}

extension Backoff {
    /// The delays of one call's retries, in order. A series has a memory, which the decorrelated jitters need.
    public struct Series: Sendable, Hashable {
        private let backoff: Backoff
        private var attempt = 0
        private var last: Duration
        /// The last value of the smooth series; nil once it has outgrown the cap.
        private var position: Double? = 0

        /// Begins a series.
        public init(_ backoff: Backoff) {
            self.backoff = backoff.withinRange
            last = self.backoff.base
        }

        /// The next delay.
        ///
        /// - Parameter random: A number in 0 ... 1 from the caller's generator.
        public mutating func next(random: Double) -> Duration {
            defer { attempt &+= 1 }
            return delay(attempt: attempt, random: random)
        }

        /// The delay of a certain retry, counted from 0.
        public mutating func delay(attempt: Int, random: Double) -> Duration {
            // Not `max`, which lets through what is not a number.
            let random = random >= 0 ? min(random, 1) : 0, attempt = max(0, attempt)
            let delay =
                switch backoff.jitter {
                case .decorrelated: decorrelated(random)
                case .decorrelatedSmooth: smooth(attempt, random)
                default: jittered(backoff.grown(attempt: attempt, random: random), random)
                }
            last = max(backoff.minimum, min(delay, backoff.maximum))
            return last
        }

        private func jittered(_ delay: Duration, _ random: Double) -> Duration {
            switch backoff.jitter {
            case .full: return min(delay, backoff.maximum).saturating(times: random)
            case .half: return min(delay, backoff.maximum).saturating(times: 0.5 + random / 2)
            case .proportional(let share): return delay.saturating(times: 1 + share * (2 * random - 1))
            case .absolute(let spread):
                return max(.zero, delay + spread.saturating(times: 2 * random) - spread)
            case .added(let spread): return delay + spread.saturating(times: random)
            case .none, .decorrelated, .decorrelatedSmooth: return delay
            }
        }

        private func decorrelated(_ random: Double) -> Duration {
            let ceiling = max(backoff.base, last.saturating(times: 3))
            return backoff.base + (ceiling - backoff.base).saturating(times: random)
        }

        private mutating func smooth(_ attempt: Int, _ random: Double) -> Duration {
            // Past 2^1000 the difference of two values loses all meaning; by then the cap was reached long ago.
            guard let before = position, attempt < 1000 else {
                position = nil
                return backoff.base > .zero ? backoff.maximum : .zero
            }
            let time = Double(attempt) + random
            let value = Double.powerOfTwo(time) * tanh(4 * time)
            position = value
            return backoff.base.saturating(times: max(0, value - before) / 1.4)
        }
    }

    /// The same with values that arithmetic can be done with: no time below zero, none beyond `unbounded`.
    fileprivate var withinRange: Backoff {
        func bounded(_ time: Duration) -> Duration { min(max(.zero, time), .unbounded) }
        var backoff = self
        backoff.base = bounded(base)
        backoff.maximum = bounded(maximum)
        backoff.minimum = min(bounded(minimum), backoff.maximum)
        switch jitter {
        case .proportional(let share): backoff.jitter = .proportional(share > 0 ? min(share, 1) : 0)
        case .absolute(let spread): backoff.jitter = .absolute(bounded(spread))
        case .added(let spread): backoff.jitter = .added(bounded(spread))
        case .none, .full, .half, .decorrelated, .decorrelatedSmooth: break
        }
        if case .listed(let delays) = growth { backoff.growth = .listed(delays.map(bounded)) }
        return backoff
    }

    fileprivate func grown(attempt: Int, random: Double) -> Duration {
        switch growth {
        case .constant: return base
        case .linear: return base.saturating(times: Double(attempt) + 1)
        case .exponential(let multiplier): return base.saturating(times: multiplier.power(attempt))
        case .listed(let delays): return attempt < delays.count ? delays[attempt] : delays.last ?? base
        case .random: return minimum + (maximum - minimum).saturating(times: random)
        }
    }
}

/// tanh(sqrt(x)) for x of 0 or more, without a mathematics library.
private func tanh(_ squared: Double) -> Double {
    let x = squared.squareRoot()
    // tanh(20) differs from 1 by less than the last bit.
    guard x < 20 else { return 1 }
    let e = Double.exponential(2 * x)
    return (e - 1) / (e + 1)
}
