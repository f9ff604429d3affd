import Gateway
import Yams

// What makes an answer good enough.
extension ConfigurationLoader {
    mutating func readAnswers(_ setting: SettingsReader.Setting, _ model: inout Configuration.Model) {
        let members = reader.members(
            of: setting,
            known: [
                "empty", "truncated", "json", "refusals", "must_contain", "must_not_contain",
                "minimum_characters", "last_resort",
            ])
        var rules = AnswerRules()
        func reaction(_ name: String) -> AnswerRules.Reaction? {
            members[name].flatMap { reader.choice($0, of: AnswerRules.Reaction.self) }
        }
        if let empty = reaction("empty") { rules.empty = empty }
        if let truncated = reaction("truncated") { rules.truncated = truncated }
        if let json = reaction("json") { rules.json = json }
        if let refusals = members["refusals"] { rules.refusals = readRefusals(refusals) }
        if let texts = members["must_contain"] { rules.mustContain = readTexts(texts).map { Phrase($0) } }
        if let texts = members["must_not_contain"] {
            rules.mustNotContain = readTexts(texts).map { Phrase($0) }
        }
        if let count = members["minimum_characters"].flatMap({ reader.integer($0, 0...100_000) }) {
            rules.minimumCharacters = count
        }
        if let last = members["last_resort"].flatMap({ reader.choice($0, of: AnswerRules.LastResort.self) }) {
            rules.lastResort = last
        }
        model.answers = rules
    }

    private mutating func readRefusals(_ setting: SettingsReader.Setting) -> [Phrase] {
        guard case .scalar = setting.node else { return readTexts(setting).map { Phrase(folding: $0) } }
        guard let word = reader.text(setting) else { return [] }
        if word != "common" {
            reader.note("must be common, or a list of texts such as [\"I cannot\"]", at: setting)
        }
        return .commonRefusals
    }

    private mutating func readTexts(_ setting: SettingsReader.Setting) -> [String] {
        let elements = reader.elements(of: setting)
        if elements.count > AnswerRules.mostTexts {
            reader.note("may have at most \(AnswerRules.mostTexts) texts", at: setting)
        }
        return elements.compactMap {
            reader.text(
                $0, where: { (1...AnswerRules.longestText).contains($0.count) },
                else: "must have 1 to \(AnswerRules.longestText) characters")
        }
    }
}
