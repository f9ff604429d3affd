import Foundation

extension WorldFile {
    /// Something wrong in a file of worlds, with its place and the way to mend it.
    public struct Mistake: Sendable, Hashable, CustomStringConvertible {
        /// The field, such as `scenarios[3].incidents[0].providers[1]`; empty for the file as a whole.
        public let path: String
        /// What is wrong there, and what must stand there instead.
        public let text: String

        /// Both in one line.
        public var description: String { path.isEmpty ? text : "\(path): \(text)" }
    }

    /// A file was not read; nothing of it may be used.
    public struct Refused: Error, Hashable, CustomStringConvertible {
        /// All mistakes of the file, in its order.
        public let mistakes: [Mistake]

        /// One line for each mistake.
        public var description: String { mistakes.map(\.description).joined(separator: "\n") }
    }

    /// Reads a file. Unknown members are ignored.
    ///
    /// - Throws: ``Refused`` with every mistake of the file.
    public init(json bytes: [UInt8]) throws(Refused) {
        guard bytes.count <= Self.mostBytes else {
            throw Refused(mistakes: [
                Mistake(path: "", text: "the file has more than \(Self.mostBytes) bytes: split it")
            ])
        }
        let value: JSONValue
        do {
            value = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
        } catch {
            throw Refused(mistakes: [
                Mistake(path: "", text: "the file is not JSON: \(Self.whyNotJSON(bytes))")
            ])
        }
        try self.init(value)
    }

    /// What is wrong with bytes that are not JSON, and where. The decoder does not say it; the older reader does.
    private static func whyNotJSON(_ bytes: [UInt8]) -> String {
        do {
            _ = try JSONSerialization.jsonObject(with: Data(bytes))
            return "it has values that cannot be read"
        } catch {
            return (error as NSError).userInfo["NSDebugDescription"] as? String
                ?? "it ends or breaks off early"
        }
    }

    init(_ value: JSONValue) throws(Refused) {
        var reader = WorldFileReader()
        let file = reader.file(WorldFileReader.Place(value: value, path: ""))
        guard reader.mistakes.isEmpty else { throw Refused(mistakes: reader.mistakes) }
        self = file
    }
}

/// Reads the values of a file of worlds and notes every mistake instead of stopping at the first.
///
/// After a mistake each method returns something within bounds, so that reading goes on; a file with mistakes is refused.
struct WorldFileReader {
    /// A value, or nil where there is none, and its place.
    struct Place {
        let value: JSONValue?
        let path: String

        subscript(_ name: String) -> Place {
            var member: JSONValue?
            if case .members(let members)? = value { member = members[name] }
            return Place(value: member, path: path.isEmpty ? name : "\(path).\(name)")
        }
    }

    private(set) var mistakes: [WorldFile.Mistake] = []
    /// The names of the providers by their index; what an incident refers to.
    var providerIndex: [String: Int] = [:]

    mutating func note(_ text: String, at place: Place) {
        mistakes.append(WorldFile.Mistake(path: place.path, text: text))
    }

    /// A number, or the default where there is none.
    mutating func number(_ place: Place, _ bounds: Bounds, default preset: Double? = nil) -> Double {
        if case .number(let number)? = place.value, bounds.contains(number) { return number }
        if place.value == nil, let preset { return preset }
        expected("\(bounds)", at: place)
        return preset ?? bounds.most
    }

    /// A whole number that `Double` holds exactly.
    mutating func whole(_ place: Place, _ range: ClosedRange<Int>, default preset: Int? = nil) -> Int {
        let number = number(place, Bounds(whole: range), default: preset.map(Double.init))
        return Int(exactly: number) ?? range.lowerBound
    }

    /// A text of at least one character and at most 200.
    mutating func text(_ place: Place) -> String {
        if case .text(let text)? = place.value, !text.isEmpty, text.count <= 200 { return text }
        expected("a text of 1 to 200 characters", at: place)
        return ""
    }

    /// The elements of a list.
    mutating func list(_ place: Place, _ count: ClosedRange<Int>, optional: Bool = false) -> [Place] {
        if case .list(let elements)? = place.value, count.contains(elements.count) {
            return elements.enumerated().map { Place(value: $1, path: "\(place.path)[\($0)]") }
        }
        if place.value == nil, optional { return [] }
        expected("a list of \(count.lowerBound) to \(count.upperBound) entries", at: place)
        return []
    }

    /// Whether there is an object; its members are looked up by the place's subscript.
    mutating func isObject(_ place: Place) -> Bool {
        if case .members? = place.value { return true }
        expected("an object", at: place)
        return false
    }

    /// The index of the provider whose name stands there.
    mutating func provider(named name: String, at place: Place) -> Int? {
        if let index = providerIndex[name] { return index }
        if providerIndex.isEmpty { return nil }  // The list of providers itself is wrong, which was noted.
        let known = providerIndex.keys.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
        note("no provider is called \"\(name)\"; there are \(known)", at: place)
        return nil
    }

    mutating func expected(_ words: String, at place: Place) {
        note(
            place.value.map { "must be \(words), not \($0.words)" } ?? "is missing: give \(words)", at: place)
    }
}
