/// A day of the calendar and a time of that day, in UTC.
struct CivilDate {
    let year: Int64
    /// From 1.
    let month: Int64
    /// From 1.
    let day: Int64
    let hour: Int64
    let minute: Int64
    let second: Int64
    /// From Sunday, which is 0.
    let weekday: Int64

    /// The date of a number of seconds since 1970; what is before counts as the beginning of 1970 (Howard Hinnant,
    /// "chrono-compatible low-level date algorithms").
    init(seconds: Int64) {
        let seconds = max(0, seconds), days = seconds / 86_400, secondOfDay = seconds % 86_400
        let shifted = days + 719_468, era = shifted / 146_097, dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        hour = secondOfDay / 3600
        minute = secondOfDay % 3600 / 60
        second = secondOfDay % 60
        weekday = (days + 4) % 7
    }
}

extension Int64 {
    /// This number in decimal, with zeros before it up to `width` digits.
    func padded(_ width: Int) -> String {
        let text = String(self)
        return String(repeating: "0", count: Swift.max(0, width - text.utf8.count)) + text
    }
}
