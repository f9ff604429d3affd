#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How long the next answer will take, as a lognormal distribution: how much single times vary, and what is not known of
/// their level. In seconds.
public struct LatencyForecast: Sendable, Hashable {
    /// The standard deviations that nine of ten stay within.
    private static let nineOfTen = 1.2816

    /// What half of the answers stay within.
    public let p50: Double
    /// What nine of ten stay within.
    public let p90: Double

    /// - Parameters:
    ///   - mean: Of the logarithm.
    ///   - variance: Of the logarithm.
    fileprivate init(mean: Double, variance: Double) {
        p50 = exp(mean)
        p90 = exp(mean + Self.nineOfTen * variance.squareRoot())
    }
}

extension TargetEstimate {
    /// When the next answer will begin; nil as long as nothing was seen.
    public func firstTokenForecast(at seconds: Double) -> LatencyForecast? {
        guard firstToken != Self.unknown.firstToken else { return nil }
        return LatencyForecast(mean: firstToken.mean, variance: firstToken.variance(at: seconds))
    }

    /// When the next answer will be whole; nil as long as the time for its tokens was not seen.
    ///
    /// The sum of two lognormal times is taken to be one, with the mean and the variance of the sum (L. F. Fenton: "The sum
    /// of log-normal probability distributions in scatter transmission systems", 1960).
    ///
    /// - Parameter tokens: Those that it will have. Range: 0 or more.
    public func answerForecast(tokens: Double, at seconds: Double) -> LatencyForecast? {
        guard perToken != Self.unknown.perToken, firstToken != Self.unknown.firstToken else { return nil }
        let first = firstToken.moments(at: seconds), each = perToken.moments(at: seconds)
        let count = max(0, tokens), mean = first.mean + count * each.mean
        let square = (first.variance + count * count * each.variance) / (mean * mean)
        let variance = log(1 + square)
        return LatencyForecast(mean: log(mean) - variance / 2, variance: variance)
    }
}

extension TimeEstimate {
    /// The variance of the logarithm of the next time.
    fileprivate func variance(at seconds: Double) -> Double { residual + uncertainty(at: seconds) }

    /// The mean and the variance of the next time itself.
    fileprivate func moments(at seconds: Double) -> (mean: Double, variance: Double) {
        let variance = variance(at: seconds), mean = exp(self.mean + variance / 2)
        return (mean, mean * mean * (exp(variance) - 1))
    }
}
