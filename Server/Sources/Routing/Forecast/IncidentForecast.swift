#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How likely a target falls ill soon, and when it will be well again. A decision: no clock, lock or task. Moments are
/// seconds since 1970.
///
/// While it is well, incidents are a Poisson process whose rate depends on the hour of the week: no method that was tried
/// foretells an outage which begins at once, so this is a base rate and no warning. It begins with 74 hours between
/// incidents, most of them from Monday to Friday and at 16 to 20 UTC, and learns from the target's own: the rate as a gamma
/// distribution, its share of each hour as a Dirichlet distribution. In an incident, ``IncidentLength`` tells what is left.
///
/// Its memory is bounded: 168 hours and a dozen numbers.
public struct IncidentForecast: Sendable, Hashable, Codable {
    /// Hours between incidents, before anything was seen.
    private static let usualHours = 74.0
    /// How many incidents the assumed rate counts for, and the assumed shape of the week.
    private static let weights = (rate: 2.0, shape: 60.0)
    /// Hours in which half of what was seen is forgotten: 90 days.
    private static let halfLife = 90.0 * 24
    /// The share of incidents in each hour of a week: the weekend has 5 of 100. That an hour of the peak has three times
    /// what another one has on its day is an assumption.
    private static let shape: [Double] = (0..<WeekClock.hours).map { hour in
        if hour >= 5 * 24 { return 0.05 / 48 }
        return 0.95 / 160 * ((16..<20).contains(hour % 24) ? 3 : 1)
    }

    /// How long incidents last.
    public private(set) var length: IncidentLength
    /// When the incident that runs began; nil while the target is well.
    public private(set) var since: Double?
    /// Incidents of each hour of the week, by their weight.
    private var incidents = [Double](repeating: 0, count: WeekClock.hours)
    /// Hours of being well, by their weight and by how usual incidents are in them.
    private var exposure = 0.0
    private var updated: Double?

    /// Creates a forecast that knows nothing of its target.
    public init(length: IncidentLength = IncidentLength()) { self.length = length }

    // MARK: Learning

    /// Says that the target is watched and well or ill as before; call it now and then, at least once an hour.
    public mutating func advance(to seconds: Double) {
        guard seconds.isFinite else { return }
        guard let last = updated else {
            updated = seconds
            return
        }
        guard seconds > last else { return }
        let hours = (seconds - last) / WeekClock.hour, rest = exp2(-hours / Self.halfLife)
        exposure *= rest
        for hour in incidents.indices where incidents[hour] > 0 { incidents[hour] *= rest }
        if since == nil { exposure += weighted(from: last, to: seconds) }
        updated = seconds
    }

    /// An incident begins; one that runs already goes on.
    public mutating func began(at seconds: Double) {
        advance(to: seconds)
        guard since == nil, seconds.isFinite else { return }
        since = seconds
        let hour = WeekClock.hourOfWeek(at: seconds)
        // Half of it is counted beside its hour, since the next one will hardly come to the minute.
        for (beside, share) in [(-1, 0.25), (0, 0.5), (1, 0.25)] {
            incidents[(hour + beside + WeekClock.hours) % WeekClock.hours] += share
        }
    }

    /// The incident is over.
    public mutating func ended(at seconds: Double) {
        advance(to: seconds)
        guard let since else { return }
        length.note(seconds - since)
        self.since = nil
    }

    /// What happened since it was last told is not known, such as between two runs: an incident that ran is forgotten.
    public mutating func resume(at seconds: Double) { (since, updated) = (nil, seconds) }

    // MARK: Forecasts

    /// Incidents an hour that are expected now while the target is well.
    public func rate(at seconds: Double) -> Double {
        averageRate * relative(WeekClock.hourOfWeek(at: seconds))
    }

    /// How likely an incident begins within a time, if the target is well now; 1 if it is ill. Range: 0 to 1.
    ///
    /// - Parameters:
    ///   - horizon: In seconds, such as 300 or 1800; at most a week.
    ///   - seconds: The moment.
    public func risk(within horizon: Double, at seconds: Double) -> Double {
        guard since == nil else { return 1 }
        guard horizon > 0 else { return 0 }
        return 1 - exp(-averageRate * weighted(from: seconds, to: seconds + horizon))
    }

    /// Seconds until the incident is expected to be over; nil while the target is well.
    public func expectedRecovery(at seconds: Double) -> Double? {
        since.map { length.expectedRemaining(after: seconds - $0) }
    }

    /// Seconds within which a share of incidents like the one that runs are over; nil while the target is well.
    ///
    /// - Parameters:
    ///   - share: Range: 0 to 0.99. Default: a half.
    ///   - seconds: The moment.
    public func recovery(share: Double = 0.5, at seconds: Double) -> Double? {
        since.map { length.remaining(after: seconds - $0, share: share) }
    }

    /// How likely the incident is over within a time; nil while the target is well.
    public func recovers(within horizon: Double, at seconds: Double) -> Double? {
        since.map { length.ends(within: horizon, after: seconds - $0) }
    }

    /// Incidents an hour, on the average of a week.
    private var averageRate: Double {
        (Self.weights.rate + seen) / (Self.weights.rate * Self.usualHours + exposure)
    }

    /// The incidents that were seen, by their weight.
    private var seen: Double { incidents.reduce(0, +) }

    /// How much more incidents an hour of the week has than the average.
    private func relative(_ hour: Int) -> Double { relative(hour, seen: seen) }

    private func relative(_ hour: Int, seen: Double) -> Double {
        let share = (Self.weights.shape * Self.shape[hour] + incidents[hour]) / (Self.weights.shape + seen)
        return share * Double(WeekClock.hours)
    }

    /// The hours between two moments, each weighted by how usual incidents are in it; whole weeks weigh their hours.
    private func weighted(from start: Double, to end: Double) -> Double {
        let week = Double(WeekClock.hours) * WeekClock.hour
        let weeks = min(1000, max(0, ((end - start) / week).rounded(.down)))
        let first = WeekClock.number(of: start, each: WeekClock.hour), rest = end - weeks * week,
            seen = self.seen
        var sum = weeks * Double(WeekClock.hours), now = start
        for hour in first...(first + WeekClock.hours) where now < rest {
            let next = min(rest, Double(hour + 1) * WeekClock.hour)
            sum += relative(WeekClock.hourOfWeek(hour), seen: seen) * max(0, next - now) / WeekClock.hour
            now = next
        }
        return sum
    }

    private enum CodingKeys: String, CodingKey { case length, since, incidents, exposure, updated }

    /// Reads a forecast.
    ///
    /// - Throws: `DecodingError` if it is not one of 168 hours, or has numbers that cannot be.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        length = try container.decode(IncidentLength.self, forKey: .length)
        since = try container.decodeIfPresent(Double.self, forKey: .since)
        incidents = try container.decode([Double].self, forKey: .incidents)
        exposure = try container.decode(Double.self, forKey: .exposure)
        updated = try container.decodeIfPresent(Double.self, forKey: .updated)
        guard length.isSound, incidents.count == WeekClock.hours, exposure.isFinite, exposure >= 0,
            incidents.allSatisfy({ (0...1e6).contains($0) })
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .incidents, in: container, debugDescription: "not a forecast of 168 hours")
        }
    }
}
