/// Preferences for certain hours of certain days. A decision: it is handed the time.
public struct TimeRule: Sendable, Hashable {
    /// The days of the week.
    public enum Day: String, Sendable, Hashable, CaseIterable {
        case mon, tue, wed, thu, fri, sat, sun
    }

    /// When it begins, in minutes of the day. Range: 0 to 1439.
    public var begin: Int
    /// When it ends, in minutes of the day. Range: 1 to 1440. At or before ``begin`` for the next day.
    public var end: Int
    /// The days on which it begins.
    public var days: Set<Day>
    /// How far its clock is ahead of UTC, in minutes. Range: -1439 to 1439. Default: 0.
    public var offset: Int
    /// What it asks for.
    public var preferences: RoutingPreferences

    /// Creates a rule; without hours and days it is for all of them.
    public init(
        begin: Int = 0, end: Int = 1440, days: Set<Day> = Set(Day.allCases), offset: Int = 0,
        _ preferences: RoutingPreferences
    ) {
        self.begin = begin
        self.end = end
        self.days = days
        self.offset = offset
        self.preferences = preferences
    }

    /// Whether it is for that moment, in seconds since 1970. The begin belongs to it, the end does not.
    public func applies(at seconds: Int64) -> Bool {
        let minutes = Self.divide(seconds, 60).quotient + Int64(offset)
        let (day, remainder) = Self.divide(minutes, 1440), minute = Int(remainder)
        if begin < end { return minute >= begin && minute < end && isOn(day) }
        // What passes midnight belongs to the day on which it began.
        return minute >= begin ? isOn(day) : minute < end && isOn(day - 1)
    }

    /// Whether it begins on that day since 1970, which began on a Thursday.
    private func isOn(_ day: Int64) -> Bool {
        days.contains(Day.allCases[Int(Self.divide(day + 3, 7).remainder)])
    }

    /// Divides downwards, so that the remainder is never negative.
    private static func divide(_ number: Int64, _ by: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: by)
        return remainder < 0 ? (quotient - 1, remainder + by) : (quotient, remainder)
    }
}
