#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// When a quota will be used up: the profile of the week times how much busier than the profile it is now. A decision: no
/// clock, lock or task. Moments are seconds since 1970.
///
/// A seasonal forecast with a level that fades (after P. R. Winters: "Forecasting sales by exponentially weighted moving
/// averages", 1960), with the level kept in sums of five minutes that count 0.97 times as much as the next and damped by
/// the exponent 0.8, since a part of what is unusual now will be over soon. How wide the forecast is comes from its own
/// past errors, six hours ahead. What it counts may be requests, tokens or money: only ratios matter.
///
/// Its memory is bounded: 168 hours and a dozen numbers. A gap of more than a week is not learned from.
public struct QuotaForecast: Sendable, Hashable {
    /// Seconds in which counts are put together: 5 minutes.
    public static let slot = 300.0
    /// The furthest renewal that is looked at, in hours; a later one counts as this.
    private static let furthest = 62 * 24
    /// How much a slot counts for the level, compared with the one after it.
    private static let memory = 0.97
    /// The exponent of the level.
    private static let damping = 0.8
    /// The hours after which a forecast is compared with what came.
    private static let ahead = 6
    /// The slots of an hour.
    private static let slotsAnHour = 12
    /// The slots of a week, the memory of ``dispersion``.
    static let mostSlots = 2016
    /// The forecasts that ``error`` remembers.
    static let mostErrors = 50.0
    /// What ``error`` can be.
    static let possibleErrors = 0.0004...1

    /// What is usual in a slot of each hour of the week.
    public private(set) var profile = WeekProfile()
    /// How much more single slots vary than by chance alone: the variance of their counts for each unit of their mean.
    public private(set) var dispersion = 1.0
    private(set) var seenSlots = 0
    /// The slot that is being counted, since 1970; nil before the first count.
    private var current: Int?
    private var inSlot = 0.0
    private var inHour = 0.0
    /// The slots of this hour that were counted; an hour is only learned from as a whole.
    private var slotsInHour = 0
    /// What came and what was usual, by their weight.
    private var came = 0.0, usual = 0.0
    /// What was expected for the six hours that run, and what came of it.
    private var promised: Double?
    private var kept = 0.0
    /// The variance of the logarithm of forecasts six hours ahead.
    private(set) var error = 0.06
    private(set) var errors = 8.0

    /// Creates a forecast that knows nothing.
    public init() {}

    init(profile: WeekProfile, dispersion: Double, seenSlots: Int, error: Double, errors: Double) {
        self.profile = profile
        self.dispersion = dispersion
        self.seenSlots = seenSlots
        self.error = error
        self.errors = errors
    }

    // MARK: Learning

    /// Counts what was used.
    ///
    /// - Parameter count: Range: 0 or more; anything else is not counted.
    public mutating func note(_ count: Double, at seconds: Double) {
        advance(to: seconds)
        guard count.isFinite, count > 0 else { return }
        inSlot += count
    }

    /// What came while nobody counted is not known, such as between two runs: the hour is not learned, nor is silence.
    public mutating func resume(at seconds: Double) {
        current = WeekClock.number(of: seconds, each: Self.slot)
        (inSlot, inHour, slotsInHour, promised, kept) = (0, 0, 0, nil, 0)
        (came, usual) = (0, 0)
    }

    private mutating func advance(to seconds: Double) {
        let slot = WeekClock.number(of: seconds, each: Self.slot)
        guard let first = current,
            (first &- slot).magnitude <= UInt(WeekClock.hours * Self.slotsAnHour)
        else { return resume(at: seconds) }
        for number in first..<max(first, slot) {
            close(number)
            current = number + 1
        }
    }

    /// As it will be at a moment, if nothing more comes until then.
    private func advanced(to seconds: Double) -> Self {
        var later = self
        later.advance(to: seconds)
        return later
    }

    private mutating func close(_ slot: Int) {
        let hour = slot / Self.slotsAnHour, expected = profile.usual(hour: WeekClock.hourOfWeek(hour)) ?? 0
        disperse(inSlot, expected: expected * level)
        came = came * Self.memory + inSlot
        usual = usual * Self.memory + expected
        inHour += inSlot
        kept += inSlot
        slotsInHour += 1
        inSlot = 0
        guard slot % Self.slotsAnHour == Self.slotsAnHour - 1 else { return }
        if slotsInHour == Self.slotsAnHour {
            profile.note(inHour / Double(Self.slotsAnHour), hour: WeekClock.hourOfWeek(hour))
        }
        (inHour, slotsInHour) = (0, 0)
        if (hour + 1) % Self.ahead == 0 { compare(at: hour + 1) }
    }

    /// Learns how far forecasts are off, and makes the next one.
    private mutating func compare(at hour: Int) {
        if let promised, promised > 0 {
            let slack = 0.5 * (profile.average ?? 0)
            let off = log((kept + slack) / (promised + slack))
            errors = min(Self.mostErrors, errors + 1)
            error = error + (min(1, max(0.0004, off * off)) - error) / errors
        }
        kept = 0
        // In the first week there is no profile that could be judged.
        promised =
            profile.coverage < 1
            ? nil
            : (hour..<hour + Self.ahead).reduce(0) { $0 + rate(hour: $1) * Double(Self.slotsAnHour) }
    }

    private mutating func disperse(_ count: Double, expected: Double) {
        guard profile.coverage == 1 else { return }
        seenSlots = min(Self.mostSlots, seenSlots + 1)
        let off = count - expected
        dispersion += (off * off / max(1, expected) - dispersion) / Double(seenSlots + 50)
    }

    // MARK: Forecasts

    /// How much busier it is than usual. Range: above 0, 1 if as usual.
    public var level: Double {
        let prior = 0.5 * (profile.average ?? 0), below = usual + prior
        guard below > 0 else { return 1 }
        return pow(max(1e-3, (came + prior) / below), Self.damping)
    }

    /// What is expected between two moments.
    ///
    /// - Parameter end: At most 62 days after `start`; what is later is not counted.
    public func demand(from start: Double, to end: Double) -> Double {
        advanced(to: start).walk(from: start, to: end, until: .infinity).demand
    }

    /// When a quota will be used up; nil if it is expected to last until it is renewed, or as long as nothing was seen.
    ///
    /// - Parameters:
    ///   - remaining: What is left of it, in the unit of the counts.
    ///   - seconds: The moment.
    ///   - renewal: When it will be renewed, in seconds since 1970; at most 62 days later, a later one counts as that.
    public func exhaustion(
        of remaining: Double, at seconds: Double, before renewal: Double
    ) -> Exhaustion? {
        guard remaining > 0 else { return Exhaustion(moment: seconds, earliest: seconds, latest: seconds) }
        let forecast = advanced(to: seconds), wide = exp(Exhaustion.deviations * error.squareRoot())
        func moment(_ factor: Double) -> Double? {
            forecast.walk(from: seconds, to: renewal, until: remaining / factor).moment
        }
        guard let expected = moment(1) else { return nil }
        return Exhaustion(
            moment: expected, earliest: moment(wide) ?? expected, latest: moment(1 / wide))
    }

    /// How likely it is that a quota is used up before it is renewed. Range: 0 to 1.
    ///
    /// - Parameters: As those of ``exhaustion(of:at:before:)``.
    public func risk(of remaining: Double, at seconds: Double, before renewal: Double) -> Double {
        guard remaining > 0 else { return 1 }
        let demand = demand(from: seconds, to: renewal)
        guard demand > 0 else { return 0 }
        return 0.5 * erfc(log(remaining / demand) / (2 * error).squareRoot())
    }

    /// What is expected in the busiest five minutes of a week, for ``CapacityPlan``.
    public var busiest: CapacityPlan.Demand {
        CapacityPlan.Demand(mean: (profile.largest ?? 0) * max(1, level), dispersion: dispersion)
    }

    /// What is expected of a slot in an hour since 1970.
    private func rate(hour: Int) -> Double {
        (profile.usual(hour: WeekClock.hourOfWeek(hour)) ?? 0) * level
    }

    /// Adds up what is expected, hour by hour.
    private func walk(
        from start: Double, to end: Double, until limit: Double
    ) -> (demand: Double, moment: Double?) {
        let first = WeekClock.number(of: start, each: WeekClock.hour), level = self.level
        var sum = 0.0, now = start
        for hour in first...(first + Self.furthest) where now < end {
            let next = min(end, Double(hour + 1) * WeekClock.hour)
            let usual = profile.usual(hour: WeekClock.hourOfWeek(hour)) ?? 0
            let rate = usual * level / Self.slot, more = rate * (next - now)
            if sum + more >= limit, rate > 0 { return (limit, now + (limit - sum) / rate) }
            sum += more
            now = next
        }
        return (sum, nil)
    }
}

/// When a quota will be used up. Moments are seconds since 1970.
public struct Exhaustion: Sendable, Hashable {
    /// How many standard deviations ``earliest`` and ``latest`` are away: four of five forecasts lie between.
    static let deviations = 1.2816

    /// When it is expected.
    public var moment: Double
    /// Nine of ten come later.
    public var earliest: Double
    /// Nine of ten come sooner; nil if that is after the quota is renewed, so that it may last.
    public var latest: Double?
}
