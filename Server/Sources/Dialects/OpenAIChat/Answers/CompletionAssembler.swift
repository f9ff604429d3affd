package import Generation
import JSON
package import NIOCore

/// Puts the chunks of a stream together to the answer that would have come as a whole.
///
/// Deltas are joined as the official clients do: texts are appended, objects merged, list elements matched by their
/// `index`, log probabilities appended. Members that nobody knows yet are treated in the same way, so that nothing a
/// provider says is lost.
package struct CompletionAssembler: Sendable {
    /// What all chunks say, by member, in the order in which it was first said.
    private var members = JSONTree.Members()
    private var choices: [Int: (message: JSONTree, more: JSONTree)] = [:]
    private var scanner = EventStreamScanner()

    /// Members of a delta that are said once and hold for the whole.
    private static let constant: Set<String> = ["id", "type", "role", "index"]

    /// Begins with nothing.
    package init() {}

    /// Adds a piece of whole events.
    package mutating func add(_ piece: ReplyPiece) {
        piece.bytes.withUnsafeReadableBytes { bytes in
            var offset = 0
            // Whole events that were read without fault before.
            while let event = try? scanner.next(in: bytes, from: offset) {
                offset = event.range.upperBound
                // Data lines are joined by line feeds.
                let data = event.data.map { bytes[$0] }.joined(separator: [0x0A])
                Array(data).withUnsafeBytes { add($0) }
            }
        }
    }

    private mutating func add(_ data: UnsafeRawBufferPointer) {
        guard case .object(let chunk)? = try? JSONTree.read(data) else { return }
        for (name, value) in chunk.list {
            switch name {
            case "choices":
                guard case .array(let elements) = value else { continue }
                for element in elements.list { addChoice(element) }
            // Obfuscation only hides the lengths of a stream's parts.
            case "object", "obfuscation": continue
            case "usage": if value != .null { members.set(name, value) }
            default: if value != .null, members.place(of: name) == nil { members.set(name, value) }
            }
        }
    }

    private mutating func addChoice(_ choice: JSONTree) {
        guard case .object(let parts) = choice else { return }
        let index = choice["index"]?.number ?? 0
        var known =
            choices.removeValue(forKey: index) ?? (.object(JSONTree.Members()), .object(JSONTree.Members()))
        for (name, value) in parts.list {
            switch name {
            case "index": continue
            case "delta": known.message.merge(value, constant: Self.constant)
            case "logprobs":
                known.more.merge(.object(JSONTree.Members([(name, value)])), constant: Self.constant)
            default: if value != .null { known.more.set(name, value) }
            }
        }
        choices[index] = known
    }

    /// The whole answer.
    package var whole: ByteBuffer {
        var buffer = ByteBuffer(string: "{")
        func member(_ name: String) -> JSONTree? { members.list.first { $0.name == name }?.value }
        if let id = member("id") { id.write(&buffer, as: "id") }
        buffer.writeStaticString(#""object":"chat.completion","#)
        for (name, value) in members.list where name != "id" && name != "usage" {
            value.write(&buffer, as: name)
        }
        buffer.writeStaticString(#""choices":["#)
        for (place, index) in choices.keys.sorted().enumerated() {
            guard let choice = choices[index] else { continue }
            if place > 0 { buffer.writeStaticString(",") }
            write(choice, index, &buffer)
        }
        buffer.writeStaticString("]")
        if let usage = member("usage") {
            buffer.writeStaticString(#","usage":"#)
            usage.write(&buffer)
        }
        buffer.writeStaticString("}")
        return buffer
    }

    private func write(
        _ choice: (message: JSONTree, more: JSONTree), _ index: Int, _ buffer: inout ByteBuffer
    ) {
        var message = choice.message, more = choice.more
        if message["role"] == nil { message.set("role", .text("assistant")) }
        for name in ["content", "refusal"] where message[name] == nil { message.set(name, .null) }
        if case .array(let calls)? = message["tool_calls"] {
            let inOrder = calls.list.enumerated().sorted {
                ($0.element["index"]?.number ?? $0.offset, $0.offset)
                    < ($1.element["index"]?.number ?? $1.offset, $1.offset)
            }
            message.set("tool_calls", .array(JSONTree.Elements(inOrder.map { $0.element.without("index") })))
        }
        for name in ["logprobs", "finish_reason"] where more[name] == nil { more.set(name, .null) }
        buffer.writeString(#"{"index":\#(index),"message":"#)
        message.write(&buffer)
        guard case .object(let parts) = more else { return }
        for (name, value) in parts.list {
            buffer.writeString(",\"\(name)\":")
            value.write(&buffer)
        }
        buffer.writeStaticString("}")
    }
}
