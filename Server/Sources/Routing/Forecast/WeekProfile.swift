/// What is usual in each hour of the week: averages in which a week counts 0.7 times as much as the week after it.
/// A decision: no clock, lock or task.
///
/// Its memory is bounded: 168 numbers and as many bytes.
public struct WeekProfile: Sendable, Hashable, Codable {
    /// How much a week counts, compared with the one after it.
    private static let memory = 0.7

    private var values = [Double](repeating: 0, count: WeekClock.hours)
    /// How often each hour was seen, up to 255.
    private var visits = [UInt8](repeating: 0, count: WeekClock.hours)
    /// Of the hours that were seen.
    private var sum = 0.0, seen = 0

    /// Creates a profile that knows nothing.
    public init() {}

    /// Learns what an hour of the week was like.
    ///
    /// - Parameters:
    ///   - value: Range: 0 or more; what is not a number is not learned.
    ///   - hour: Range: 0 to 167; anything else is not learned.
    public mutating func note(_ value: Double, hour: Int) {
        guard value.isFinite, value >= 0, values.indices.contains(hour) else { return }
        if visits[hour] == 0 { seen += 1 }
        visits[hour] = min(254, visits[hour]) + 1
        var weight = 0.0
        for _ in 0..<min(visits[hour], 20) { weight = Self.memory * weight + 1 }
        let change = (value - values[hour]) / weight
        values[hour] += change
        sum += change
    }

    /// What is usual in an hour of the week; where it was never seen, in the same hour of other days, or else in all hours
    /// that were seen. Nil as long as none was.
    public func usual(hour: Int) -> Double? {
        guard values.indices.contains(hour) else { return nil }
        if visits[hour] > 0 { return values[hour] }
        return average(of: stride(from: hour % 24, to: WeekClock.hours, by: 24))
            ?? average
    }

    /// The average of all hours that were seen; nil as long as none was.
    public var average: Double? { seen > 0 ? max(0, sum) / Double(seen) : nil }

    /// The largest of the hours; nil as long as none was seen.
    public var largest: Double? { zip(values, visits).filter { $0.1 > 0 }.map(\.0).max() }

    /// The share of the week that was seen. Range: 0 to 1.
    public var coverage: Double { Double(seen) / Double(WeekClock.hours) }

    private func average(of hours: StrideTo<Int>) -> Double? {
        var sum = 0.0, count = 0.0
        for hour in hours where visits[hour] > 0 {
            sum += values[hour]
            count += 1
        }
        return count > 0 ? sum / count : nil
    }

    private enum CodingKeys: String, CodingKey { case values, visits }

    /// Reads a profile.
    ///
    /// - Throws: `DecodingError` if it is not one of 168 hours, or has numbers that cannot be.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        values = try container.decode([Double].self, forKey: .values)
        visits = try container.decode([UInt8].self, forKey: .visits)
        guard values.count == WeekClock.hours, visits.count == WeekClock.hours,
            values.allSatisfy({ $0.isFinite && $0 >= 0 })
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .values, in: container, debugDescription: "not a profile of 168 hours")
        }
        sum = zip(values, visits).reduce(0) { $0 + ($1.1 > 0 ? $1.0 : 0) }
        seen = visits.count { $0 > 0 }
    }
}
