extension QuotaForecast: Codable {
    private enum CodingKeys: String, CodingKey { case profile, dispersion, slots, error, errors }

    /// Reads what was learned of the week. What was being counted is not kept: call ``resume(at:)``, or just count on.
    ///
    /// - Throws: `DecodingError` if it has numbers that cannot be.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            profile: container.decode(WeekProfile.self, forKey: .profile),
            dispersion: container.decode(Double.self, forKey: .dispersion),
            seenSlots: container.decode(Int.self, forKey: .slots),
            error: container.decode(Double.self, forKey: .error),
            errors: container.decode(Double.self, forKey: .errors))
        guard dispersion.isFinite, dispersion >= 0, (0...Self.mostSlots).contains(seenSlots),
            Self.possibleErrors.contains(error), (1...Self.mostErrors).contains(errors)
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .error, in: container, debugDescription: "not a forecast of a quota")
        }
    }

    /// Writes what was learned of the week.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(profile, forKey: .profile)
        try container.encode(dispersion, forKey: .dispersion)
        try container.encode(seenSlots, forKey: .slots)
        try container.encode(error, forKey: .error)
        try container.encode(errors, forKey: .errors)
    }
}
