#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How long something takes that takes a lognormally distributed time: a Kalman filter of the logarithm, one number wide
/// (R. E. Kalman: "A new approach to linear filtering and prediction problems", 1960). A decision: no clock, lock or task.
///
/// A jump to another level is learned within two or three samples, since a sample that is far out makes the filter
/// doubt what it knows.
public struct TimeEstimate: Sendable, Hashable {
    /// The logarithm of the median, in seconds.
    public private(set) var mean: Double
    /// How much is not known about ``mean``.
    public private(set) var variance = 0.3
    /// How much single times vary.
    public private(set) var residual: Double
    private var updated = 0.0
    /// What to expect without a shift, so that a prediction costs no exponential.
    private var unshifted: Double

    /// How fast what is known becomes old, for each second.
    private static let drift = 0.0008

    /// Creates an estimate.
    ///
    /// - Parameters:
    ///   - median: What to expect before anything was seen, in seconds. Range: above 0.
    ///   - residual: The variance of the logarithm of single times.
    public init(median: Double, residual: Double) {
        mean = log(max(1e-6, median))
        self.residual = residual
        unshifted = exp(mean + 0.5 * residual)
    }

    /// Creates an estimate that goes on with what was known.
    ///
    /// - Parameter seconds: The moment for which `variance` says what is not known.
    init(mean: Double, variance: Double, residual: Double, at seconds: Double) {
        (self.mean, self.variance, self.residual) = (mean, variance, residual)
        updated = seconds
        unshifted = exp(mean + 0.5 * residual)
    }

    /// What is not known at a moment, for predictions.
    public func uncertainty(at seconds: Double) -> Double {
        Self.aged(variance, by: seconds - updated)
    }

    /// What is not known after so many seconds in which nothing was learned, of what was not known before.
    static func aged(_ variance: Double, by seconds: Double) -> Double {
        min(0.15, variance + drift * max(0, seconds))
    }

    /// The expected time in seconds.
    ///
    /// - Parameter shift: What is added to the logarithm, for exploration. Small ones are what is meant: of the
    ///   exponential's series five terms are taken, which for 0.4 are exact to a ten-thousandth.
    public func expected(shift: Double = 0) -> Double {
        unshifted * (1 + shift * (1 + shift * (0.5 + shift * (1.0 / 6 + shift / 24))))
    }

    /// The variance of what the logarithm of the next time may be off, with what is not known.
    public var spread: Double { max(residual, 0.03) + min(0.25, variance) }

    /// A time in seconds above which something is late, by what single times vary alone.
    public func late(_ deviations: Double) -> Double {
        exp(mean + deviations * max(residual, 0.03).squareRoot())
    }

    /// The median in seconds.
    public var median: Double { exp(mean) }

    /// Learns from a time in seconds.
    public mutating func note(_ time: Double, at seconds: Double) {
        let off = log(max(1e-6, time)) - mean, square = off * off
        var doubt = min(0.5, variance + Self.drift * max(0, seconds - updated))
        if square > 9 * (doubt + residual) { doubt += 0.15 * square }
        let gain = max(0.03, doubt / (doubt + residual))
        mean += gain * off
        variance = max(0.0005, (1 - gain) * doubt)
        updated = seconds
        residual += 0.03 * (min(square, 6 * residual + 0.02) - residual)
        residual = max(0.01, min(0.6, residual))
        unshifted = exp(mean + 0.5 * residual)
    }

    /// Learns that it took longer than a time in seconds after which nobody waited any more. It moves only a little, so
    /// that a provider which hangs does not get more and more time.
    public mutating func noteLonger(than time: Double, at seconds: Double) {
        mean += 0.1 * max(0, log(max(1e-6, time)) - mean)
        variance = min(0.5, variance + 0.05)
        updated = seconds
        unshifted = exp(mean + 0.5 * residual)
    }
}
