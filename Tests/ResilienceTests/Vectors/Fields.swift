@testable import Resilience

/// Says why a runner cannot play a vector: something is not known, not of the right kind, or not read.
struct Unsupported: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// A value of a vector and where it stands. Notes what is read of it, so that nothing can be left unread.
struct Fields {
    /// The places that were read.
    final class Log {
        fileprivate(set) var read: Set<String> = []
    }

    /// Where it stands, such as `steps[2].attempts[0].outcome`.
    let path: String
    private let json: JSON
    private let log: Log

    init(_ json: JSON, _ path: String, _ log: Log) {
        self.json = json
        self.path = path
        self.log = log
    }

    // MARK: Values

    /// The whole value, with all that is in it.
    var all: JSON {
        log.read.insert(path)
        return json
    }

    func number() throws -> Double {
        guard let number = all.number, number.isFinite else { throw wrong("a number") }
        return number
    }

    func int() throws -> Int {
        guard let int = Int(exactly: try number()) else { throw wrong("a whole number") }
        return int
    }

    func bool() throws -> Bool {
        guard case .bool(let value) = all else { throw wrong("true or false") }
        return value
    }

    func text() throws -> String {
        guard let text = all.string else { throw wrong("a text") }
        return text
    }

    /// A time in milliseconds, or "max".
    func duration() throws -> Duration {
        if all == .string("max") { return .unbounded }
        guard let number = json.number, abs(number) < 9e12 else { throw wrong("a time") }
        return .nanoseconds(Int64((number * 1_000_000).rounded()))
    }

    func list() throws -> [Fields] {
        guard let list = json.list else { throw wrong("a list") }
        if list.isEmpty { log.read.insert(path) }
        return list.enumerated().map { Fields($1, "\(path)[\($0)]", log) }
    }

    /// The members by name, in alphabetical order.
    func members() throws -> [(name: String, value: Fields)] {
        guard let members = json.members else { throw wrong("an object") }
        if members.isEmpty { log.read.insert(path) }
        return members.keys.sorted().map { ($0, Fields(members[$0] ?? .null, "\(path).\($0)", log)) }
    }

    var isList: Bool { json.list != nil }
    var isText: Bool { json.string != nil }
    var isNumber: Bool { json.number != nil }

    // MARK: Members

    /// A member; nil if it is missing or null.
    subscript(_ key: String) -> Fields? {
        guard let value = json[key] else { return nil }
        let field = Fields(value, "\(path).\(key)", log)
        guard value != .null else {
            log.read.insert(field.path)
            return nil
        }
        return field
    }

    /// Whether there is such a member, be it null.
    func has(_ key: String) -> Bool { json[key] != nil }

    func number(_ key: String) throws -> Double? { try self[key]?.number() }
    func int(_ key: String) throws -> Int? { try self[key]?.int() }
    func bool(_ key: String) throws -> Bool? { try self[key]?.bool() }
    func text(_ key: String) throws -> String? { try self[key]?.text() }
    func duration(_ key: String) throws -> Duration? { try self[key]?.duration() }
    func list(_ key: String) throws -> [Fields]? { try self[key]?.list() }

    /// A number of repetitions.
    func count(_ key: String, or usual: Int = 1) throws -> Int {
        let count = try int(key) ?? usual
        guard (0...100_000).contains(count) else { throw Unsupported("\(path).\(key): \(count) times") }
        return count
    }

    /// A member that must be there.
    func required(_ key: String) throws -> Fields {
        guard let field = self[key] else { throw Unsupported("\(path).\(key): it is missing") }
        return field
    }

    // MARK: Mistakes

    func wrong(_ wanted: String) -> Unsupported { Unsupported("\(path): \(json) is not \(wanted)") }

    /// Says that the value is a word that nobody knows here.
    var unknown: Unsupported { Unsupported("\(path): \(json) is not known") }

    /// The places in it that were not read.
    var unread: [String] {
        if log.read.contains(path) { return [] }
        switch json {
        case .object(let members) where !members.isEmpty:
            return members.keys.sorted().flatMap { key in
                Fields(members[key] ?? .null, "\(path).\(key)", log).unread
            }
        case .list(let items) where !items.isEmpty:
            return items.enumerated().flatMap { Fields($1, "\(path)[\($0)]", log).unread }
        // An empty object says nothing.
        case .object: return []
        default: return [path]
        }
    }
}
