import Foundation

/// A JSON value of a vector file.
enum JSON: Decodable, Equatable, Sendable, CustomStringConvertible {
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

    subscript(key: String) -> JSON? {
        guard case .object(let members) = self, let value = members[key], value != .null else { return nil }
        return value
    }

    var number: Double? { if case .number(let value) = self { value } else { nil } }
    var int: Int? { number.map { Int($0) } }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var list: [JSON]? { if case .list(let value) = self { value } else { nil } }
    var members: [String: JSON]? { if case .object(let value) = self { value } else { nil } }
    var milliseconds: Duration? { number.map { .nanoseconds(Int64(($0 * 1_000_000).rounded())) } }

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
        case .number(let value): value == value.rounded() ? "\(Int64(value))" : "\(value)"
        case .string(let value): "\"\(value)\""
        case .list(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
                + "}"
        }
    }
}

extension Duration {
    var milliseconds: Double { self / .milliseconds(1) }
}
