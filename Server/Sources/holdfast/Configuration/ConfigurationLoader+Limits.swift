import Routing

// The requests that providers allow.
extension ConfigurationLoader {
    mutating func readQuota(_ members: Members) -> DailyQuota.Terms? {
        let requests = members["requests_per_day"].flatMap { reader.integer($0, 1...1_000_000_000) }
        let renewal = members["quota_resets_at"].flatMap { readRenewal($0) }
        if let setting = members["quota_resets_at"], members["requests_per_day"] == nil {
            reader.note("needs requests_per_day as well", at: setting)
        }
        return requests.map { DailyQuota.Terms(requests: $0, renewalMinute: renewal ?? 0) }
    }

    /// A time of day, with how far its clock is ahead of UTC if it is.
    ///
    /// - Returns: In minutes after midnight UTC.
    private mutating func readRenewal(_ setting: SettingsReader.Setting) -> Int? {
        guard let text = reader.text(setting) else { return nil }
        let time = text.prefix(5), rest = text.dropFirst(5), offset = Self.minutes(rest.dropFirst())
        guard let minute = Self.minutes(time), minute < 1440,
            rest.isEmpty || rest.first == "+" || rest.first == "-",
            rest.isEmpty || (offset ?? .max) <= 14 * 60
        else {
            reader.note(
                "must be a time of day in UTC such as 00:00, or with how far the clock is ahead of UTC such as "
                    + "00:00-08:00, not '\(text.prefix(40))'", at: setting)
            return nil
        }
        let ahead = rest.first == "-" ? -(offset ?? 0) : offset ?? 0
        return (minute - ahead + 2880) % 1440
    }
}
