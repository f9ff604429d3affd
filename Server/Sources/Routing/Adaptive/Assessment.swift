public import Resilience

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What speaks for a target and against it, for one request: the terms of the index, and what they come from.
public struct Assessment: Sendable, Hashable {
    /// What its quality is worth.
    public var quality: Double
    /// What its price costs.
    public var price: Double
    /// What the expected latency costs.
    public var latency: Double
    /// What the odds of failing cost.
    public var risk: Double
    /// What using up its limit costs.
    public var headroom: Double
    /// The index: the worth of asking it first.
    public var total: Double { quality - price - latency - risk - headroom }
    /// Its worth if it were well and quick, by which one that is left alone is chosen for a probe.
    public var whenWell: Double

    /// The estimated share of answers. Range: 0 to 1.
    public var success: Double
    /// How much that is based on, in requests.
    public var evidence: Double
    /// What was added to the share, for exploration.
    public var noise: Double
    /// The logarithm of the median of the time until the first token, and the variance of what it may be off.
    public var firstTokenMean, firstTokenVariance: Double
    /// The standard deviation of the same.
    public var firstTokenDeviation: Double { firstTokenVariance.squareRoot() }
    /// Seconds after which the first token is not waited for any longer.
    public var firstTokenLimit: Double {
        let median = exp(firstTokenMean)
        return max(1.5, min(max(4, 2 * median), 1.3 * median * exp(4 * firstTokenDeviation)))
    }
    /// Seconds after which another target is asked too.
    public var hedgeAfter: Double { max(0.35, exp(firstTokenMean + 2.4 * firstTokenDeviation)) }
    /// Its attempts that have not brought their first token, as far as they are watched.
    public var pending: Int
    /// Seconds since it was last asked, or first judged if it never was.
    public var unasked: Double
    /// The expected seconds until the whole answer.
    public var time: Double
    /// The expected price in dollars.
    public var dollars: Double
    /// Seconds until its limit has room; 0 if it has.
    public var roomAfter: Double
    /// Whether its limit has room.
    public var hasRoom: Bool { roomAfter <= 0 }
    /// Whether it asked to be left alone.
    public var isBlocked: Bool
    /// Whether its daily quota is used up.
    public private(set) var isQuotaUsedUp = false

    /// Its daily quota is used up, for so many seconds. It is then like one whose limit has no room and that asked to be
    /// left alone.
    public mutating func waitForQuota(_ seconds: Double) {
        roomAfter = max(roomAfter, seconds)
        (isBlocked, isQuotaUsedUp) = (true, true)
    }
}

/// How much chance takes part in an assessment.
enum Temperature {
    static let success = 0.5, time = 0.25
}

extension TargetEstimate {
    /// Judges the target for a request.
    ///
    /// With the odds of failing as a term, ordering by ``Assessment/total`` gives the best chain of fallbacks for
    /// independent attempts: A before B is better exactly if rA - cA/sA > rB - cB/sB, for the worth r of a success, its
    /// probability s and the cost c of an attempt.
    ///
    /// - Parameters:
    ///   - timeLeft: Seconds until the request must be answered.
    ///   - chance: What explores; nil for a judgement without exploration. Draws two normal numbers.
    public mutating func assess(
        _ shape: RequestShape, _ facts: TargetFacts, _ weights: AdaptiveWeights, timeLeft: Double,
        chance: inout Chance?, at seconds: Double
    ) -> Assessment {
        let evidence = success.evidence(for: shape, overdue: overdue(at: seconds), at: seconds)
        let share = evidence.share, amount = evidence.amount
        var noise = 0.0, shift = 0.0, tokenShift = 0.0
        if chance != nil {
            let spread = (share * (1 - share) / (amount + 1)).squareRoot()
            noise = Temperature.success * spread * (chance?.roughNormal() ?? 0)
            let z = Temperature.time * (chance?.roughNormal() ?? 0)
            shift = z * firstToken.uncertainty(at: seconds).squareRoot()
            tokenShift = z * perToken.uncertainty(at: seconds).squareRoot()
        }
        var likely = min(0.9999, max(0.01, share + noise))
        let time =
            firstToken.expected(shift: shift) + shape.output * perToken.expected(shift: tokenShift)
        if time > timeLeft { likely *= 0.2 }
        let dollars = facts.price(of: shape), price = weights.cost * dollars
        let quality = weights.quality * (facts.quality - weights.referenceQuality)
        let (used, wait) = headroom.look(at: seconds)
        return Assessment(
            quality: quality, price: price, latency: weights.latency * time,
            risk: (1 - likely) / likely * (weights.failure + weights.latency * timeLost),
            headroom: weights.headroom * used * used,
            whenWell: quality - price - weights.latency * min(6, time),
            success: share, evidence: amount, noise: noise,
            firstTokenMean: firstToken.mean, firstTokenVariance: firstToken.spread, pending: running,
            unasked: unasked(at: seconds),
            time: time, dollars: dollars,
            roomAfter: wait, isBlocked: headroom.isBlocked(at: seconds))
    }
}

extension Chance {
    /// A number that is nearly of the standard normal distribution: the sum of four even ones (Irwin and Hall, 1927),
    /// which never exceeds 3.5. Enough for exploration, at a tenth of the cost.
    @inline(__always)
    fileprivate mutating func roughNormal() -> Double {
        let bits = next()
        let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
        return (Double(sum) * (1 / 65_535.0) - 2) * 1.732_050_807_568_877_2
    }
}
