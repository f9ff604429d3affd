import Gateway
import Resilience
import Routing
import Yams

// What routes, rules and keys prefer, and how sessions are kept.
extension ConfigurationLoader {
    static let preferenceNames = RoutingPreferences.Name.allCases.map(\.rawValue)

    typealias Members = [String: SettingsReader.Setting]

    mutating func readSelection(_ members: Members, _ model: inout Configuration.Model) {
        model.preferences = readPreferences(members)
        check(members, of: model)
        if let hedges = members["hedge"].flatMap({ reader.bool($0) }) { model.hedges = hedges }
        if let hedge = members["hedge"], !model.learns {
            reader.note("is for strategies that learn, such as adaptive", at: hedge)
        }
        if let rules = members["rules"] {
            let elements = reader.elements(of: rules)
            if elements.count > 32 { reader.note("may have at most 32 rules", at: rules) }
            model.rules = elements.compactMap { readRule($0, model) }
        }
        if let names = members["caller_may_set"] { model.callerMaySet = readNames(names) }
        model.sticky = members["sticky"].map { readSticky($0) }
        let cheapest = model.strategy == .cheapest ? "strategy" : "shadow"
        if model.strategies.contains(.cheapest), let setting = members[cheapest], !model.hasPrices {
            reader.note("needs price_in and price_out on every target", at: setting)
        }
    }

    /// Reads what is preferred.
    mutating func readPreferences(_ members: Members) -> RoutingPreferences {
        var preferences = RoutingPreferences()
        preferences.tier = members["tier"].flatMap { reader.choice($0, of: Tier.self) }
        preferences.prefer = members["prefer"].flatMap { readPrefer($0) }
        preferences.urgency = members["urgency"].flatMap { reader.choice($0, of: Urgency.self) }
        preferences.maximumCost = members["maximum_cost"].flatMap { reader.number($0, 0...1_000_000) }
        preferences.minimumQuality = members["minimum_quality"].flatMap { reader.number($0, 0...10) }
        preferences.fallback = members["fallback"].flatMap { reader.bool($0) }
        return preferences
    }

    /// One preference, or a list of them.
    private mutating func readPrefer(_ setting: SettingsReader.Setting) -> [Preference]? {
        guard case .sequence(_) = setting.node else {
            return reader.choice(setting, of: Preference.self).map { [$0] }
        }
        var choices: [Preference] = []
        for element in reader.elements(of: setting) {
            guard let choice = reader.choice(element, of: Preference.self) else { continue }
            if !choices.contains(choice) { choices.append(choice) }
        }
        return choices
    }

    /// Notes preferences that the model's strategy does not know.
    private mutating func check(_ members: Members, of model: Configuration.Model) {
        for name in RoutingPreferences.Name.allCases
        where !model.strategies.contains(where: { $0.heeds(name) }) {
            guard let setting = members[name.rawValue] else { continue }
            reader.note(
                Strategy.cheapest.heeds(name)
                    ? "is for strategies that learn, such as adaptive" : "is for the strategy adaptive",
                at: setting)
        }
        if let cost = members["maximum_cost"], model.learns, !model.hasPrices {
            reader.note("needs price_in and price_out on every target", at: cost)
        }
    }

    private mutating func readNames(_ setting: SettingsReader.Setting) -> Set<RoutingPreferences.Name> {
        var names: Set<RoutingPreferences.Name> = []
        for element in reader.elements(of: setting) {
            guard let name = reader.choice(element, of: RoutingPreferences.Name.self) else { continue }
            if name == .tier { reader.note("a tier is set by routes, rules and keys only", at: element) }
            names.insert(name)
        }
        return names
    }

    // MARK: Rules

    private mutating func readRule(
        _ setting: SettingsReader.Setting, _ model: Configuration.Model
    ) -> TimeRule? {
        let members = reader.members(of: setting, known: ["hours", "days", "offset"] + Self.preferenceNames)
        var rule = TimeRule(readPreferences(members))
        check(members, of: model)
        if members["hours"] == nil, members["days"] == nil {
            reader.note("needs hours, days or both", at: setting)
        }
        if !Self.preferenceNames.contains(where: { members[$0] != nil }) {
            reader.note(
                "says nothing; give one of \(Self.preferenceNames.joined(separator: ", "))", at: setting)
        }
        if let text = members["hours"].flatMap({ readHours($0) }) { (rule.begin, rule.end) = text }
        if let days = members["days"] {
            let elements = reader.elements(of: days)
            if elements.isEmpty { reader.note("needs at least one day", at: days) }
            rule.days = Set(elements.compactMap { reader.choice($0, of: TimeRule.Day.self) })
        }
        if let offset = members["offset"].flatMap({ readOffset($0) }) { rule.offset = offset }
        return rule
    }

    private mutating func readHours(_ setting: SettingsReader.Setting) -> (begin: Int, end: Int)? {
        guard let text = reader.text(setting) else { return nil }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let begin = Self.minutes(parts[0]), let end = Self.minutes(parts[1]),
            begin < 1440, begin != end
        else {
            reader.note(
                "must be two different times of day such as 09:00-18:00, or 22:00-06:00 to pass midnight, not '\(text.prefix(40))'",
                at: setting)
            return nil
        }
        return (begin, end == 0 ? 1440 : end)
    }

    private mutating func readOffset(_ setting: SettingsReader.Setting) -> Int? {
        guard let text = reader.text(setting) else { return nil }
        guard let sign = text.first, sign == "+" || sign == "-", let minutes = Self.minutes(text.dropFirst()),
            minutes <= 14 * 60
        else {
            reader.note(
                "must be how far the clock is ahead of UTC, from -14:00 to +14:00, such as +01:00, not '\(text.prefix(40))'",
                at: setting)
            return nil
        }
        return sign == "-" ? -minutes : minutes
    }

    /// Minutes of a day, of HH:MM from 00:00 to 24:00.
    static func minutes(_ text: Substring) -> Int? {
        let digits = Array(text.utf8)
        guard digits.count == 5, digits[2] == 0x3A,
            [0, 1, 3, 4].allSatisfy({ (0x30...0x39).contains(digits[$0]) }),
            let hour = Int(text.prefix(2)), let minute = Int(text.suffix(2)), minute < 60
        else { return nil }
        let minutes = hour * 60 + minute
        return minutes <= 1440 ? minutes : nil
    }

    // MARK: Sessions

    private enum SessionIdentityKind: String, CaseIterable {
        case header
        case user
    }

    private mutating func readSticky(_ setting: SettingsReader.Setting) -> Stickiness {
        let members = reader.members(of: setting, known: ["by", "header", "for"])
        var sticky = Stickiness()
        let kind = members["by"].flatMap { reader.choice($0, of: SessionIdentityKind.self) }
        if kind == .user { sticky.identity = .user }
        if let header = members["header"] {
            if kind == .user { reader.note("is for by: header", at: header) }
            let name = reader.text(
                header, where: Self.isName,
                else: "must be a header's name of 1 to 64 letters, digits, dots, hyphens or underscores")
            if let name, kind != .user { sticky.identity = .header(name.lowercased()) }
        }
        let range = Duration.seconds(1) ... .seconds(7 * 86_400)
        if let time = members["for"].flatMap({ reader.duration($0, range) }) { sticky.lifetime = time }
        return sticky
    }
}

extension Configuration.Model {
    /// Its own strategy and its shadow.
    fileprivate var strategies: [Strategy] { [strategy, shadow].compactMap(\.self) }

    fileprivate var learns: Bool { strategies.contains(where: \.learns) }

    /// Whether what a request costs is known of all targets.
    fileprivate var hasPrices: Bool {
        targets.allSatisfy { $0.inputPrice != nil && $0.outputPrice != nil }
    }
}
