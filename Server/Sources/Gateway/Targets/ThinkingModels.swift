import Generation

/// Models that are known to think unseen before they answer, so that silence says less of them. Those that show their
/// thoughts are not among them: a thought is a first token like any other.
enum ThinkingModels {
    /// How long the first token of such a model may take although another target could be asked.
    static let firstToken = Duration.seconds(30)

    /// Families by the beginnings of their names; what follows must not be a digit or a point, which make another version.
    private static let families = [
        "o1", "o3", "o4", "gpt-5", "grok-4", "gemini-2.5-pro", "gemini-3-pro", "gemini-3.1-pro",
    ]

    /// Whether a model of that name thinks unseen.
    static func contain(_ model: String) -> Bool {
        let name = model.lowercased().split(separator: "/").last ?? ""
        return families.contains { family in
            guard name.hasPrefix(family) else { return false }
            return name.dropFirst(family.count).first.map { !$0.isNumber && $0 != "." } ?? true
        } || name.hasPrefix("gpt-") && name.hasSuffix("-pro")
    }
}
