/// What latency to expect, quick to believe a slow answer and slow to forget it.
///
/// An answer slower than the estimate replaces it; a faster one pulls it down the more, the longer ago the last one
/// was; and while there is no answer it falls, so that a target that was slow is tried again.
///
/// Source: Finagle's Peak EWMA balancer, and tower/src/load/peak_ewma.rs.
public struct PeakEWMA: Sendable, Hashable {
    /// In nanoseconds, as of `updated`.
    private var peak: Double
    private var updated: Int64
    private let decay: Double

    /// Creates an estimate.
    ///
    /// - Parameters:
    ///   - initial: What to expect before the first answer. Default: 1 s.
    ///   - decay: The time in which what was known falls to 37 %. Range: 1 ns or more. Default: 10 s.
    public init(initial: Duration = .seconds(1), decay: Duration = .seconds(10), at now: Instant) {
        self.init(initial: initial, decay: decay, at: now.sinceOrigin.wholeNanoseconds)
    }

    init(initial: Duration, decay: Duration, at now: Int64) {
        peak = max(0, initial / .nanoseconds(1))
        self.decay = max(1, decay / .nanoseconds(1))
        updated = now
    }

    /// Takes in the latency of an answer.
    public mutating func observe(_ latency: Duration, at now: Instant) {
        observe(nanoseconds: latency / .nanoseconds(1), at: now.sinceOrigin.wholeNanoseconds)
    }

    /// The latency to expect.
    public func estimate(at now: Instant) -> Duration {
        .nanoseconds(1).saturating(times: nanoseconds(at: now.sinceOrigin.wholeNanoseconds))
    }

    /// Takes in the latency of an answer in nanoseconds, at so many nanoseconds since the clock's origin.
    public mutating func observe(nanoseconds latency: Double, at now: Int64) {
        let latency = max(0, latency)
        if latency > peak {
            peak = latency
        } else {
            let kept = share(at: now)
            peak = peak * kept + latency * (1 - kept)
        }
        updated = max(updated, now)
    }

    /// The latency to expect, in nanoseconds, at so many nanoseconds since the clock's origin.
    public func nanoseconds(at now: Int64) -> Double { peak * share(at: now) }

    /// What is left of the estimate; a clock that goes back changes nothing.
    private func share(at now: Int64) -> Double {
        Self.inverseExponential(Double(max(0, now &- updated)) / decay)
    }

    /// e to the power of minus `x`, for an `x` of 0 or more; without a mathematics library.
    static func inverseExponential(_ x: Double) -> Double {
        guard x > 0 else { return 1 }
        guard x < 700 else { return 0 }
        let halvings = (x * 1.4426950408889634).rounded()
        // The natural logarithm of 2 in two parts, so that the difference is exact enough.
        let rest = halvings * 0.693147180369123816490 - x + halvings * 1.90821492927058770002e-10
        // The series of the exponential function, in Horner's form: the rest is at most 0.35, the error 1e-14.
        var sum = 1 / 39_916_800.0
        sum = sum * rest + 1 / 3_628_800.0
        sum = sum * rest + 1 / 362_880.0
        sum = sum * rest + 1 / 40_320.0
        sum = sum * rest + 1 / 5040.0
        sum = sum * rest + 1 / 720.0
        sum = sum * rest + 1 / 120.0
        sum = sum * rest + 1 / 24.0
        sum = sum * rest + 1 / 6.0
        sum = sum * rest + 0.5
        sum = sum * rest + 1
        sum = sum * rest + 1
        // Halved so often, by the exponent's bits: fewer than 1022 times, so that it stays a normal number.
        return Double(bitPattern: UInt64(1023 - Int(halvings)) << 52) * sum
    }
}
