/// Which hour of the week a moment is in. Weeks begin on Monday at 00:00 UTC; moments are seconds since 1970.
public enum WeekClock {
    /// The hours of a week.
    public static let hours = 168
    /// Seconds of an hour.
    static let hour = 3600.0
    /// The latest moment that is believed, in seconds since 1970; what is beyond, or no number, counts as an end.
    private static let latest = 1e12

    /// The hour of the week. Range: 0 (Monday 00:00 to 01:00 UTC) to 167.
    public static func hourOfWeek(at seconds: Double) -> Int { hourOfWeek(number(of: seconds, each: hour)) }

    /// The hour of the week of an hour since 1970, which began on a Thursday.
    static func hourOfWeek(_ hour: Int) -> Int {
        let index = (hour + 72) % hours
        return index < 0 ? index + hours : index
    }

    /// How many spans have passed since the clock began.
    static func number(of seconds: Double, each span: Double) -> Int {
        guard seconds == seconds else { return 0 }
        return Int((min(latest, max(-latest, seconds)) / span).rounded(.down))
    }
}
