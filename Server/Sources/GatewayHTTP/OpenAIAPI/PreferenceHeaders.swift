import Bytes
import Dialects
import HTTPMessage
import Routing

/// The headers by which a request says what it prefers. They are not sent on to providers.
enum PreferenceHeaders {
    static let prefer: StaticString = "x-holdfast-prefer"
    static let urgency: StaticString = "x-holdfast-urgency"
    static let maximumCost: StaticString = "x-holdfast-max-cost"
    static let minimumQuality: StaticString = "x-holdfast-min-quality"
    static let fallback: StaticString = "x-holdfast-fallback"

    /// Reads them; nil if there are none.
    ///
    /// - Parameter allowed: What the route lets callers set.
    /// - Throws: ``OpenAIError`` that names the header and what is allowed.
    static func read(
        _ fields: FieldBlock, allowed: Set<RoutingPreferences.Name>
    ) throws(OpenAIError) -> RoutingPreferences? {
        let reader = Reader(fields: fields, allowed: allowed)
        var preferences = RoutingPreferences()
        preferences.prefer = try reader.choices(prefer, .prefer)
        preferences.urgency = try reader.choice(urgency, .urgency)
        preferences.maximumCost = try reader.number(maximumCost, .maximumCost, 0...1_000_000, "dollars")
        preferences.minimumQuality = try reader.number(minimumQuality, .minimumQuality, 0...10, "points")
        preferences.fallback = try reader.bool(fallback, .fallback)
        return preferences.isEmpty ? nil : preferences
    }

    private struct Reader {
        let fields: FieldBlock
        let allowed: Set<RoutingPreferences.Name>

        /// The value of a header; nil if it is not given.
        func text(
            _ header: StaticString, _ name: RoutingPreferences.Name
        ) throws(OpenAIError) -> String? {
            guard let text = fields[header] else { return nil }
            guard allowed.contains(name) else {
                throw .invalid(
                    "the header \(header) is not accepted for this model: its configuration does not let callers set \(name.rawValue)",
                    field: "\(header)", code: "unsupported_header")
            }
            return text
        }

        func choices(
            _ header: StaticString, _ name: RoutingPreferences.Name
        ) throws(OpenAIError) -> [Preference]? {
            guard let text = try text(header, name) else { return nil }
            var choices: [Preference] = []
            for part in text.split(separator: ",", maxSplits: 16, omittingEmptySubsequences: false) {
                guard let choice = Preference(rawValue: part.withoutBlanks) else {
                    throw wrong(
                        header, "one or several of \(Self.words(Preference.self)), separated by commas")
                }
                if !choices.contains(choice) { choices.append(choice) }
            }
            return choices
        }

        func choice<Choice: RawRepresentable & CaseIterable>(
            _ header: StaticString, _ name: RoutingPreferences.Name
        ) throws(OpenAIError) -> Choice? where Choice.RawValue == String {
            guard let text = try text(header, name) else { return nil }
            guard let choice = Choice(rawValue: text) else {
                throw wrong(header, "one of \(Self.words(Choice.self))")
            }
            return choice
        }

        func number(
            _ header: StaticString, _ name: RoutingPreferences.Name, _ range: ClosedRange<Double>,
            _ unit: String
        ) throws(OpenAIError) -> Double? {
            guard let text = try text(header, name) else { return nil }
            guard text.utf8.count <= 32, let number = Double(text), range.contains(number) else {
                throw wrong(
                    header, "a number of \(unit) from \(Int(range.lowerBound)) to \(Int(range.upperBound))")
            }
            return number
        }

        func bool(_ header: StaticString, _ name: RoutingPreferences.Name) throws(OpenAIError) -> Bool? {
            guard let text = try text(header, name) else { return nil }
            guard let value = Bool(text) else { throw wrong(header, "true or false") }
            return value
        }

        private func wrong(_ header: StaticString, _ expected: String) -> OpenAIError {
            .invalid("the header \(header) must be \(expected)", field: "\(header)", code: "invalid_header")
        }

        private static func words<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) -> String
        where Choice.RawValue == String {
            Choice.allCases.map(\.rawValue).joined(separator: ", ")
        }
    }
}
