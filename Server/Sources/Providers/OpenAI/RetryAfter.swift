import Dialects
import Generation
import HTTPMessage

/// How long a provider asks to be left alone, in all the forms in which providers say it.
enum RetryAfter {
    /// Reads the fields of a response: `retry-after-ms`, then `retry-after` as seconds or as a date, then the reset time
    /// of a rate limit that is used up.
    ///
    /// - Parameter wallClock: The present time in seconds since 1970, for dates when the response has no date of its own.
    /// - Returns: Nil when nothing readable was said or the wish is negative; zero for a date that has passed; at most a
    ///   year.
    static func inFields(of head: ResponseHead, wallClock: () -> Int64) -> Duration? {
        if let wish = head.values("retry-after-ms").compactMap({ WaitText.seconds($0).map { $0 / 1000 } })
            .max()
        {
            return wish
        }
        var present: Int64?
        let wishes = head.values("retry-after").compactMap { value -> Duration? in
            if let wish = WaitText.seconds(value) { return wish }
            guard let date = HTTPDate.seconds(value) else { return nil }
            let now = present ?? head["date"].flatMap(HTTPDate.seconds) ?? wallClock()
            present = now
            return min(.seconds(max(0, date - now)), WaitText.longest)
        }
        if let wish = wishes.max() { return wish }
        return exhaustedReset(of: head)
    }

    private static func exhaustedReset(of head: ResponseHead) -> Duration? {
        var waits: [Duration] = []
        if head["x-ratelimit-remaining-requests"] == "0", let reset = head["x-ratelimit-reset-requests"] {
            waits += [WaitText.goDuration(Substring(reset))].compactMap(\.self)
        }
        if head["x-ratelimit-remaining-tokens"] == "0", let reset = head["x-ratelimit-reset-tokens"] {
            waits += [WaitText.goDuration(Substring(reset))].compactMap(\.self)
        }
        return waits.max()
    }
}

/// Dates of HTTP fields (RFC 9110, section 5.6.7), in the form that is sent today.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`; nil for anything else.
    static func seconds(_ text: String) -> Int64? {
        guard text.utf8.count <= 40 else { return nil }
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT",
            let day = Int64(parts[1]), (1...31).contains(day),
            let month = months.firstIndex(of: String(parts[2])),
            let year = Int64(parts[3]), (1970...9999).contains(year)
        else { return nil }
        let clock = parts[4].split(separator: ":").compactMap { $0.utf8.count == 2 ? Int64($0) : nil }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]),
            (0...60).contains(clock[2])
        else {
            return nil
        }
        return daysSince1970(year, Int64(month + 1), day) * 86_400 + clock[0] * 3600 + clock[1] * 60
            + clock[2]
    }

    /// Days from 1970-01-01 in the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms").
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year / 400, yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
