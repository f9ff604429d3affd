/// How long to wait before the first, second, ... retry.
///
/// The delay grows from ``base``, is varied by ``jitter`` so that many callers do not come back in step, and is
/// kept between ``minimum`` and ``maximum`` afterwards, so that jitter can never exceed the cap.
public struct Backoff: Sendable, Hashable {
    /// How the delay grows from retry to retry (a counts from 0).
    public enum Growth: Sendable, Hashable {
        /// base, base, base, ...
        case constant
        /// base, 2 base, 3 base, ...
        case linear
        /// base, base m, base m², ...
        case exponential(multiplier: Double = 2)
        /// Anywhere between the minimum and the maximum.
        case random
    }

    /// How chance varies the delay.
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
        /// Up to this much time, in both directions.
        case absolute(Duration)
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
    /// The shortest delay. Default: 0.
    public var minimum: Duration
    /// The longest delay, jitter included. Default: 30 s.
    public var maximum: Duration

    /// Creates a backoff.
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
            self.backoff = backoff
            last = backoff.base
        }

        /// The next delay.
        ///
        /// - Parameter random: A number in 0 ... 1 from the caller's generator.
        public mutating func next(random: Double) -> Duration {
            defer { attempt += 1 }
            return delay(attempt: attempt, random: random)
        }

        /// The delay of a certain retry, counted from 0.
        public mutating func delay(attempt: Int, random: Double) -> Duration {
            let random = min(max(random, 0), 1)
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
            case .none, .decorrelated, .decorrelatedSmooth: return delay
            }
        }

        private func decorrelated(_ random: Double) -> Duration {
            let ceiling = max(backoff.base, last.saturating(times: 3))
            return backoff.base + (ceiling - backoff.base).saturating(times: random)
        }

        private mutating func smooth(_ attempt: Int, _ random: Double) -> Duration {
            guard let before = position else { return backoff.maximum }
            let time = Double(attempt) + random
            let value =
                Double(2).power(Int(time)) * exponentialOfTwo(time - Double(Int(time))) * tanh(4 * time)
            // Past 2^1000 the difference of two values loses all meaning; by then the cap was reached long ago.
            guard value < 0x1p1000 else {
                position = nil
                return backoff.maximum
            }
            position = value
            return backoff.base.saturating(times: max(0, value - before) / 1.4)
        }
    }

    fileprivate func grown(attempt: Int, random: Double) -> Duration {
        let attempt = max(0, attempt)
        switch growth {
        case .constant: return base
        case .linear: return base.saturating(times: Double(attempt) + 1)
        case .exponential(let multiplier): return base.saturating(times: multiplier.power(attempt))
        case .random: return minimum + (max(maximum, minimum) - minimum).saturating(times: random)
        }
    }
}

/// tanh(sqrt(x)) for x of 0 or more, without a mathematics library.
private func tanh(_ squared: Double) -> Double {
    let x = squared.squareRoot()
    // tanh(20) differs from 1 by less than the last bit.
    guard x < 20 else { return 1 }
    let e = exponential(2 * x)
    return (e - 1) / (e + 1)
}

/// e^x for 0 ... 40: the exponent by squaring, the rest by its series.
private func exponential(_ x: Double) -> Double {
    let whole = Int(x), part = x - Double(whole)
    var term = 1.0, sum = 1.0
    for index in 1...18 {
        term *= part / Double(index)
        sum += term
    }
    return 2.718281828459045.power(whole) * sum
}

/// 2^x for 0 ..< 1.
private func exponentialOfTwo(_ x: Double) -> Double {
    exponential(x * 0.6931471805599453)
}
