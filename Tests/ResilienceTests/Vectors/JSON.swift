import Foundation

/// A JSON value of a vector file.
enum JSON: Decodable, Hashable, Sendable, CustomStringConvertible {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case list([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let box = try decoder.singleValueContainer()
        if box.decodeNil() {
            self = .null
        } else if let value = try? box.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? box.decode(Double.self) {
            self = .number(value)
        } else if let value = try? box.decode(String.self) {
            self = .string(value)
        } else if let value = try? box.decode([JSON].self) {
            self = .list(value)
        } else {
            self = .object(try box.decode([String: JSON].self))
        }
    }

    init(_ text: String) throws { self = try JSONDecoder().decode(JSON.self, from: Data(text.utf8)) }

    init(_ value: Int) { self = .number(Double(value)) }

    /// A time in milliseconds; the longest ones are "max".
    init(_ duration: Duration) {
        self = duration >= .longest ? .string("max") : .number(duration.milliseconds)
    }

    subscript(key: String) -> JSON? { members?[key] }

    var number: Double? { if case .number(let value) = self { value } else { nil } }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var list: [JSON]? { if case .list(let value) = self { value } else { nil } }
    var members: [String: JSON]? { if case .object(let value) = self { value } else { nil } }

    /// The keys of all objects in this value, nested ones joined by dots.
    var keyPaths: [String] {
        switch self {
        case .object(let members):
            members.flatMap { key, value in [key] + value.keyPaths.map { "\(key).\($0)" } }
        case .list(let items): items.flatMap(\.keyPaths)
        default: []
        }
    }

    var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let value): Int64(exactly: value).map { "\($0)" } ?? "\(value)"
        case .string(let value): "\"\(value)\""
        case .list(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
                + "}"
        }
    }

    /// The value without the quotation marks of a text, as it is named in other texts.
    var word: String { string ?? description }
}

extension Duration {
    var milliseconds: Double { self / .milliseconds(1) }

    /// From here on a time is "the longest there is", in whatever unit it is counted: 290 years, which is what 64 bits of
    /// nanoseconds hold.
    static let longest = Duration.seconds(290 * 365 * 86_400)
}
