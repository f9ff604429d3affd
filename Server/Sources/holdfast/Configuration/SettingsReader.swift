import Yams

/// Reads settings from YAML and collects every mistake instead of stopping at the first.
///
/// Each reading method returns nil after noting a mistake, so that reading goes on and callers fall back to a default
/// that is never used: a configuration with mistakes is not applied.
struct SettingsReader {
    /// One setting: its value and its place.
    struct Setting {
        let node: Node
        let path: String
    }

    let file: String
    let substitution: Substitution
    private(set) var mistakes: [Mistake] = []

    init(file: String, substitution: Substitution) {
        self.file = file
        self.substitution = substitution
    }

    mutating func note(_ text: String, at setting: Setting) {
        let mark = setting.node.mark
        mistakes.append(
            Mistake(
                file: file, line: mark?.line ?? 1, column: mark?.column ?? 1, path: setting.path, text: text))
    }

    // MARK: Structure

    /// The members of a mapping. Names that are not among `known` are mistakes.
    mutating func members(of setting: Setting, known: [String]) -> [String: Setting] {
        let members = namedMembers(of: setting)
        for member in members where !known.contains(member.name) {
            let hint =
                nearest(member.name, known).map { "did you mean '\($0)'?" }
                ?? "known here: \(known.joined(separator: ", "))"
            note("unknown setting; \(hint)", at: member.setting)
        }
        return Dictionary(members.map { ($0.name, $0.setting) }) { first, _ in first }
    }

    /// The members of a mapping whose names the user chooses, in their order.
    mutating func namedMembers(of setting: Setting) -> [(name: String, setting: Setting)] {
        guard case .mapping(let mapping) = setting.node else {
            if case .scalar(let scalar) = setting.node, scalar.string.isEmpty { return [] }
            note("must be a mapping of names to values", at: setting)
            return []
        }
        return mapping.map { key, value in
            let name = key.string ?? ""
            // A member is pointed at by its name, which an error is more often about than its value.
            return (
                name,
                Setting(
                    node: value.marked(key.mark),
                    path: setting.path.isEmpty ? name : "\(setting.path).\(name)")
            )
        }
    }

    mutating func elements(of setting: Setting) -> [Setting] {
        guard case .sequence(let sequence) = setting.node else {
            note("must be a list", at: setting)
            return []
        }
        return sequence.enumerated().map { Setting(node: $1, path: "\(setting.path)[\($0)]") }
    }

    // MARK: Values

    /// A text, with variables and files put in.
    mutating func text(_ setting: Setting) -> String? {
        guard case .scalar(let scalar) = setting.node else {
            note("must be a single value", at: setting)
            return nil
        }
        switch substitution.apply(scalar.string) {
        case .success(let text): return text
        case .failure(let problem):
            note(problem.text, at: setting)
            return nil
        }
    }

    mutating func text(_ setting: Setting, where accepts: (String) -> Bool, else words: String) -> String? {
        guard let text = text(setting) else { return nil }
        guard accepts(text) else {
            note(words, at: setting)
            return nil
        }
        return text
    }

    /// A whole number whose range somebody else looks at.
    mutating func integer(_ setting: Setting) -> Int? {
        guard let text = text(setting) else { return nil }
        guard let number = Int(text) else {
            note("must be a whole number, not '\(text.prefix(40))'", at: setting)
            return nil
        }
        return number
    }

    mutating func integer(_ setting: Setting, _ range: ClosedRange<Int>) -> Int? {
        guard let text = text(setting) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            note(
                "must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text.prefix(40))'",
                at: setting)
            return nil
        }
        return number
    }

    /// A number whose range somebody else looks at; it may be infinite or none.
    mutating func number(_ setting: Setting) -> Double? {
        guard let text = text(setting) else { return nil }
        guard let number = Double(text) else {
            note("must be a number, not '\(text.prefix(40))'", at: setting)
            return nil
        }
        return number
    }

    mutating func number(_ setting: Setting, _ range: ClosedRange<Double>) -> Double? {
        guard let text = text(setting) else { return nil }
        guard let number = Double(text), range.contains(number) else {
            note(
                "must be a number from \(range.lowerBound) to \(range.upperBound), not '\(text.prefix(40))'",
                at: setting)
            return nil
        }
        return number
    }

    mutating func bool(_ setting: Setting) -> Bool? {
        switch text(setting) {
        case nil: return nil
        case "true"?: return true
        case "false"?: return false
        default:
            note("must be true or false", at: setting)
            return nil
        }
    }

    /// A duration such as `250ms`, `2s`, `1m30s` or `1h`.
    mutating func duration(_ setting: Setting, _ range: ClosedRange<Duration>) -> Duration? {
        guard let text = text(setting) else { return nil }
        guard let duration = DurationText.parse(text), range.contains(duration) else {
            note(
                "must be a duration from \(DurationText.show(range.lowerBound)) to \(DurationText.show(range.upperBound)), "
                    + "such as 250ms, 2s or 1m30s, not '\(text.prefix(40))'", at: setting)
            return nil
        }
        return duration
    }

    /// A number of bytes, plain or with KiB or MiB.
    mutating func bytes(_ setting: Setting, _ range: ClosedRange<Int>) -> Int? {
        guard let text = text(setting) else { return nil }
        let units = [("MiB", 1 << 20), ("KiB", 1 << 10)]
        let unit = units.first { text.hasSuffix($0.0) }
        let digits = unit.map { text.dropLast($0.0.count) } ?? Substring(text)
        guard let number = Int(digits.filter { $0 != " " }), number <= Int.max / (1 << 20),
            range.contains(number * (unit?.1 ?? 1))
        else {
            note(
                "must be a number of bytes from \(range.lowerBound) to \(range.upperBound), such as 20MiB, not '\(text.prefix(40))'",
                at: setting)
            return nil
        }
        return number * (unit?.1 ?? 1)
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(_ setting: Setting, of type: Choice.Type)
        -> Choice?
    where Choice.RawValue == String {
        guard let text = text(setting) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        let hint = nearest(text, known).map { "; did you mean '\($0)'?" } ?? ""
        note("must be one of \(known.joined(separator: ", ")), not '\(text.prefix(40))'\(hint)", at: setting)
        return nil
    }
}

extension Node {
    /// The same node at another place.
    fileprivate func marked(_ mark: Mark?) -> Node {
        switch self {
        case .scalar(var scalar):
            scalar.mark = mark ?? scalar.mark
            return .scalar(scalar)
        case .mapping(var mapping):
            mapping.mark = mark ?? mapping.mark
            return .mapping(mapping)
        case .sequence(var sequence):
            sequence.mark = mark ?? sequence.mark
            return .sequence(sequence)
        case .alias: return self
        }
    }
}

/// The name among `known` that `name` was probably meant to be: at most two edits away.
func nearest(_ name: String, _ known: some Sequence<String>) -> String? {
    known.lazy.filter { abs($0.utf8.count - name.utf8.count) <= 2 }
        .map { ($0, editDistance(Array(name.utf8.prefix(64)), Array($0.utf8.prefix(64)))) }
        .filter { $0.1 <= 2 && $0.1 < $0.0.utf8.count }.min { $0.1 < $1.1 }?.0
}

/// Levenshtein's distance.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, b) in right.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
            diagonal = above
        }
    }
    return row[right.count]
}
