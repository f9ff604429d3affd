/// The date of a reply (RFC 9110, section 5.6.7).
enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The text for seconds since 1970, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func text(_ seconds: Int64) -> String {
        let date = CivilDate(seconds: seconds)
        return
            "\(days[Int(date.weekday)]), \(date.day.padded(2)) \(months[Int(date.month - 1)]) \(date.year) "
            + "\(date.hour.padded(2)):\(date.minute.padded(2)):\(date.second.padded(2)) GMT"
    }
}
