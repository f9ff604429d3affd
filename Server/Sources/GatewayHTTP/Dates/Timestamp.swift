/// Times in logs (RFC 3339).
public enum Timestamp {
    /// The text for milliseconds since 1970, such as `2026-11-20T14:03:07.120Z`.
    public static func text(_ milliseconds: Int64) -> String {
        let milliseconds = max(0, milliseconds)
        return "\(second(milliseconds / 1000)).\((milliseconds % 1000).padded(3))Z"
    }

    /// The part of it that changes once a second, such as `2026-11-20T14:03:07`.
    static func second(_ seconds: Int64) -> String {
        let date = CivilDate(seconds: seconds)
        return "\(date.year.padded(4))-\(date.month.padded(2))-\(date.day.padded(2))T"
            + "\(date.hour.padded(2)):\(date.minute.padded(2)):\(date.second.padded(2))"
    }
}
