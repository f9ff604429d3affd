/// A rate that falls when it was too high, comes back quickly to where that was, stays there for a while and then
/// looks further up: the send rate of the AWS clients' adaptive mode.
///
/// ```swift
/// var rate = CubicRate(ceiling: 50)
/// rate.throttled(at: 40, after: .seconds(3))                     // calls per second that were sent
/// limiter.reconfigure(RateLimitPolicy(permits: Int(rate.rate(after: .seconds(1)))))
/// ```
///
/// Source: botocore, retries/throttling.py (CubicCalculator), after CUBIC (RFC 9438). Rates are per second; those to
/// send at are at most 2^30, which is all that a ``RateLimiter`` lets through: long after throttling the curve is steep.
public struct CubicRate: Sendable, Hashable {
    private static let most = Double(RateLimiter.Plan.mostPermits)

    /// The rate at which throttling was last seen.
    public private(set) var ceiling: Double
    private let beta: Double
    private let scale: Double
    private var lastThrottled: Duration

    /// Creates a rate that begins below `ceiling`.
    ///
    /// - Parameters:
    ///   - ceiling: A rate that is assumed to be too high. Range: 0 or more.
    ///   - beta: What throttling leaves of the rate. Range: 0 to 1. Default: 0.7.
    ///   - scale: How quickly it comes back. Range: above 0. Default: 0.4.
    ///   - start: The time at which it begins, on any clock that `rate` and `throttled` use too.
    public init(ceiling: Double, beta: Double = 0.7, scale: Double = 0.4, start: Duration = .zero) {
        self.ceiling = max(0, ceiling)
        self.beta = min(max(0, beta), 1)
        self.scale = max(scale, .leastNormalMagnitude)
        lastThrottled = start
    }

    /// The seconds from throttling until the ceiling is reached again.
    public var secondsToCeiling: Double { Self.cubeRoot(ceiling * (1 - beta) / scale) }

    /// The rate to send at. Range: 0 to 2^30. Before the last throttling it is that of its moment, so that a clock which
    /// goes back stops nobody.
    public func rate(after time: Duration) -> Double {
        let distance = max(0, (time - lastThrottled) / .seconds(1)) - secondsToCeiling
        return min(max(0, scale * distance * distance * distance + ceiling), Self.most)
    }

    /// Notes that the other side refused calls that were sent at `rate`.
    ///
    /// - Returns: The rate to send at now.
    @discardableResult
    public mutating func throttled(at rate: Double, after time: Duration) -> Double {
        ceiling = max(0, rate)
        lastThrottled = time
        return min(ceiling * beta, Self.most)
    }

    /// By Newton's method, from a first guess of the right size; without a mathematics library.
    private static func cubeRoot(_ number: Double) -> Double {
        guard number > 0, number.isFinite else { return 0 }
        var root = Double(sign: .plus, exponent: number.exponent / 3, significand: 1)
        for _ in 0..<8 { root = (2 * root + number / (root * root)) / 3 }
        return root
    }
}
