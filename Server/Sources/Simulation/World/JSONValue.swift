import Foundation

/// A value of a JSON document, whatever it is, so that a reader can say of each wrong value what it is.
enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([JSONValue])
    case members([String: JSONValue])
    /// A number that no `Double` holds, or something nested deeper than ``deepest``.
    case unreadable

    /// The levels of lists and objects that are read; no known format has more than 7.
    static let deepest = 16

    /// The value in words, for a message.
    var words: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let number): "\(number)"
        case .text(let text): "the text \"\(text.prefix(40))\""
        case .list(let list): "a list of \(list.count)"
        case .members: "an object"
        case .unreadable: "a number that is too large or something nested too deeply"
        }
    }
}

extension JSONValue: Decodable {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        guard let single = try? decoder.singleValueContainer() else {
            self = .unreadable
            return
        }
        if single.decodeNil() {
            self = .null
        } else if let number = try? single.decode(Double.self) {
            self = .number(number)
        } else if let text = try? single.decode(String.self) {
            self = .text(text)
        } else if let value = try? single.decode(Bool.self) {
            self = .bool(value)
        } else if decoder.codingPath.count >= Self.deepest {
            self = .unreadable
        } else if var elements = try? decoder.unkeyedContainer() {
            var list: [JSONValue] = []
            while !elements.isAtEnd { list.append(try elements.decode(JSONValue.self)) }
            self = .list(list)
        } else if let object = try? decoder.container(keyedBy: Key.self) {
            var members: [String: JSONValue] = [:]
            for key in object.allKeys {
                members[key.stringValue] = try object.decode(JSONValue.self, forKey: key)
            }
            self = .members(members)
        } else {
            self = .unreadable
        }
    }
}
