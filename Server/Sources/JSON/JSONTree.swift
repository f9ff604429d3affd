import Bytes
package import NIOCore

/// A JSON value that can be merged with others. Texts and numbers stay as they were written.
package enum JSONTree: Equatable, Sendable {
    case null
    /// What stands between the quotes.
    case string([UInt8])
    /// A number or a truth value.
    case plain([UInt8])
    case array(Elements)
    case object(Members)

    package static func == (left: JSONTree, right: JSONTree) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.string(let a), .string(let b)), (.plain(let a), .plain(let b)): a == b
        case (.array(let a), .array(let b)): a.list == b.list
        case (.object(let a), .object(let b)):
            a.list.elementsEqual(b.list) { $0.name == $1.name && $0.value == $1.value }
        default: false
        }
    }

    /// A text without characters that JSON would escape.
    package static func text(_ text: StaticString) -> JSONTree {
        .string(text.withUTF8Buffer(Array.init))
    }

    /// Reads one value.
    package static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) -> JSONTree {
        var cursor = JSONCursor(bytes)
        let tree = try read(&cursor, bytes)
        try cursor.finish()
        return tree
    }

    /// The cursor bounds the depth.
    private static func read(_ cursor: inout JSONCursor, _ bytes: UnsafeRawBufferPointer) throws(JSONFault)
        -> JSONTree
    {
        switch try cursor.peek() {
        case .null:
            try cursor.readNull()
            return .null
        case .string: return .string(Array(bytes[try cursor.readString().range]))
        case .number, .bool:
            let start = cursor.offset
            try cursor.skipValue()
            return .plain(Array(bytes[start..<cursor.offset]))
        case .array:
            var elements: [JSONTree] = []
            try cursor.enterArray()
            while try cursor.nextElement() { elements.append(try read(&cursor, bytes)) }
            return .array(Elements(elements))
        case .object:
            var members: [(String, JSONTree)] = []
            try cursor.enterObject()
            while let key = try cursor.nextKey() {
                let name = String(decoding: bytes[key.range], as: UTF8.self)
                members.append((name, try read(&cursor, bytes)))
            }
            return .object(Members(members))
        }
    }

    package subscript(name: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        return members.list.first { $0.name == name }?.value
    }

    /// The whole number that it is.
    package var number: Int? {
        guard case .plain(let bytes) = self else { return nil }
        return Int(String(decoding: bytes, as: UTF8.self))
    }

    package mutating func set(_ name: String, _ value: JSONTree) {
        guard case .object(var members) = self else { return }
        self = .null
        members.set(name, value)
        self = .object(members)
    }

    package func without(_ name: String) -> JSONTree {
        guard case .object(let members) = self else { return self }
        return .object(Members(members.list.filter { $0.name != name }))
    }

    /// Joins what a later part of the same value says. Works in place, so that a long text costs its length only once.
    package mutating func merge(_ later: JSONTree, constant: Set<String>) {
        // What is changed must have no other reference, or all of it is copied: so `self` lets go of it meanwhile.
        switch later {
        case .null: return
        case .string(let more):
            guard case .string(var text) = self else { break }
            self = .null
            text += more
            self = .string(text)
            return
        case .array(let more):
            guard case .array(var elements) = self else { break }
            self = .null
            for element in more.list { elements.join(element, constant) }
            self = .array(elements)
            return
        case .object(let more):
            guard case .object(var members) = self else { break }
            self = .null
            for (name, value) in more.list { members.join(name, value, constant) }
            self = .object(members)
            return
        case .plain: break
        }
        self = later
    }

    // MARK: Writing

    package func write(_ buffer: inout ByteBuffer) {
        switch self {
        case .null: buffer.writeStaticString("null")
        case .string(let text):
            buffer.writeStaticString("\"")
            buffer.writeBytes(text)
            buffer.writeStaticString("\"")
        case .plain(let bytes): buffer.writeBytes(bytes)
        case .array(let elements):
            buffer.writeStaticString("[")
            for (place, element) in elements.list.enumerated() {
                if place > 0 { buffer.writeStaticString(",") }
                element.write(&buffer)
            }
            buffer.writeStaticString("]")
        case .object(let members):
            buffer.writeStaticString("{")
            for (place, member) in members.list.enumerated() {
                buffer.writeString("\(place > 0 ? "," : "")\"\(member.name)\":")
                member.value.write(&buffer)
            }
            buffer.writeStaticString("}")
        }
    }

    /// Writes it as a member that others follow.
    package func write(_ buffer: inout ByteBuffer, as name: String) {
        buffer.writeString("\"\(name)\":")
        write(&buffer)
        buffer.writeStaticString(",")
    }
}
