import Foundation

/// Compares what a document shows with what a command printed.
///
/// What differs from run to run is told apart by its form alone:
/// - a request's id stands for any other, but for the same one wherever it is shown;
/// - in JSON, the number of a member whose name ends in `_ms` stands for any number;
/// - in JSON, `...` as the last element says that more may follow, and at the end of a text that it may go on.
/// Everything else must be as it is shown.
struct ShownOutput {
    /// The real ids, by those that the document shows.
    private(set) var ids: [String: String] = [:]

    private static var id: Regex<Substring> { #/req_[a-z2-7]{26}/# }

    /// A command of the document with the real ids in it.
    func replacingIDs(in command: String) -> String {
        ids.reduce(command) { $0.replacingOccurrences(of: $1.key, with: $1.value) }
    }

    /// What of `shown` is not in `printed`.
    mutating func flaws(of printed: String, shown: String, language: String) -> [String] {
        guard language == "json" else { return flawsOfLines(printed, shown) }
        let marked = shown.replacing(#/,\s*\.\.\.\s*}/#, with: #", "...": 0}"#)
            .replacing(#/,\s*\.\.\.\s*\]/#, with: #", "..."]"#)
        guard let wanted = Self.object(marked) else { return ["what is shown is not JSON: \(marked)"] }
        guard let found = Self.object(printed) else { return ["what was printed is not JSON: \(printed)"] }
        return flaws(found, wanted, at: "")
    }

    /// The lines that are shown must be there, in their order.
    private mutating func flawsOfLines(_ printed: String, _ shown: String) -> [String] {
        var rest = printed.components(separatedBy: .newlines)[...], flaws: [String] = []
        for line in shown.components(separatedBy: .newlines) {
            let line = line.trimmingCharacters(in: .whitespaces)
            guard
                let place = rest.firstIndex(where: { matches($0.trimmingCharacters(in: .whitespaces), line) })
            else {
                flaws.append("there is no line '\(line)'")
                continue
            }
            rest = rest[(place + 1)...]
        }
        return flaws
    }

    private mutating func flaws(_ found: Any, _ wanted: Any, at path: String) -> [String] {
        switch (found, wanted) {
        case (let found as [String: Any], let wanted as [String: Any]):
            let names = wanted.keys.filter { $0 != "..." }.sorted()
            var flaws = names.flatMap { name -> [String] in
                guard let member = found[name] else { return ["\(path).\(name) is missing"] }
                if name.hasSuffix("_ms"), member is NSNumber { return [] }
                return self.flaws(member, wanted[name] ?? 0, at: "\(path).\(name)")
            }
            if wanted["..."] == nil {
                flaws += found.keys.filter { wanted[$0] == nil }.sorted().map { "\(path).\($0) is not shown" }
            }
            return flaws
        case (let found as [Any], var wanted as [Any]):
            let isOpen = wanted.last as? String == "..."
            if isOpen { wanted.removeLast() }
            guard isOpen ? found.count >= wanted.count : found.count == wanted.count else {
                return ["\(path) has \(found.count) elements"]
            }
            return zip(found, wanted).enumerated().flatMap { index, pair in
                self.flaws(pair.0, pair.1, at: "\(path)[\(index)]")
            }
        case (let found as String, let wanted as String):
            return matches(found, wanted) ? [] : ["\(path) is '\(found)', not '\(wanted)'"]
        default:
            return (found as? NSObject) == (wanted as? NSObject) ? [] : ["\(path) is \(found), not \(wanted)"]
        }
    }

    /// Whether a text is as shown, but for ids, which are kept in mind.
    private mutating func matches(_ found: String, _ shown: String) -> Bool {
        let real = found.matches(of: Self.id).map { String($0.output) }
        let documented = shown.matches(of: Self.id).map { String($0.output) }
        var ids = ids, expected = shown
        for (documented, real) in zip(documented, real) {
            if ids[documented, default: real] != real { return false }
            ids[documented] = real
            expected = expected.replacingOccurrences(of: documented, with: real)
        }
        let isSame =
            expected.hasSuffix("...") ? found.hasPrefix(expected.dropLast(3)) : found == expected
        if isSame { self.ids = ids }
        return isSame
    }

    private static func object(_ text: String) -> Any? {
        try? JSONSerialization.jsonObject(with: Data(text.utf8))
    }
}
