package import Generation
import JSON
import NIOCore
import Synchronization

/// A whole answer given to a caller who wants a stream, because the provider did not stream it: one event with all of
/// each choice, one with its end, and the usage if it is wanted, as the official API divides them.
package final class CompletionAsStream: ReplyStream {
    /// What is known about the answer.
    package let facts: ReplyFacts
    /// What its choices say, if that was kept.
    package let choices: [AnsweredChoice]?
    /// Nothing, since all of it is delivered at once.
    package var delivered: DeliveredText? { nil }
    private let piece: Mutex<ReplyPiece?>

    /// Makes a stream of a whole answer.
    ///
    /// - Parameter whole: A complete completion that was checked before.
    package init(_ whole: WholeReply, wantsUsage: Bool) {
        facts = whole.facts
        choices = whole.choices
        let tree =
            whole.body.withUnsafeReadableBytes { try? JSONTree.read($0) } ?? .object(JSONTree.Members())
        let events = Self.events(of: tree, wantsUsage: wantsUsage)
        var bytes = ByteBuffer()
        for event in events {
            bytes.writeEvent { event.write(&$0) }
        }
        piece = Mutex(ReplyPiece(bytes: bytes, events: events.count, isProgress: true))
    }

    /// All of it, then nothing.
    package func next() async throws(AttemptFailure) -> ReplyPiece? {
        piece.withLock { $0.take() }
    }

    /// Does nothing.
    package func cancel() {}

    /// The most that is said again in each event of what all have in common, in bytes. What is above is said once.
    private static let maximumRepeated = 4096

    private static func events(of answer: JSONTree, wantsUsage: Bool) -> [JSONTree] {
        guard case .object(let members) = answer, case .array(let choices)? = answer["choices"] else {
            return []
        }
        var common = [("object", JSONTree.text("chat.completion.chunk"))], once: [(String, JSONTree)] = []
        var repeated = ByteBuffer()
        for (name, value) in members.list where !["choices", "usage", "object"].contains(name) {
            value.write(&repeated, as: name)
            if repeated.readableBytes <= maximumRepeated {
                common.append((name, value))
            } else {
                once.append((name, value))
            }
        }
        var events: [JSONTree] = []
        func add(_ choices: [JSONTree], _ more: [(String, JSONTree)] = []) {
            let choices = [("choices", JSONTree.array(JSONTree.Elements(choices)))]
            events.append(.object(JSONTree.Members(common + once + choices + more)))
            once = []
        }
        for choice in choices.list {
            let (all, end) = divided(choice)
            add([all])
            add([end])
        }
        if wantsUsage, let usage = answer["usage"] { add([], [("usage", usage)]) }
        return events
    }

    /// A choice as what it says, and as its end.
    private static func divided(_ choice: JSONTree) -> (all: JSONTree, end: JSONTree) {
        guard case .object(let members) = choice else { return (choice, choice) }
        var all: [(String, JSONTree)] = [], end: [(String, JSONTree)] = []
        for (name, value) in members.list {
            switch name {
            case "index": break
            case "message": all.append(("delta", delta(value)))
            case "finish_reason": end.append((name, value))
            default: all.append((name, value))
            }
        }
        let index = ("index", choice["index"] ?? .plain([0x30]))
        let empty = JSONTree.object(JSONTree.Members())
        return (
            .object(JSONTree.Members([index] + all + [("finish_reason", .null)])),
            .object(JSONTree.Members([index, ("delta", empty)] + end))
        )
    }

    /// Tool calls of a stream carry their index.
    private static func delta(_ message: JSONTree) -> JSONTree {
        guard case .object(let members) = message else { return .object(JSONTree.Members()) }
        return .object(
            JSONTree.Members(
                members.list.map { name, value in
                    guard name == "tool_calls", case .array(let calls) = value else { return (name, value) }
                    let inOrder = calls.list.enumerated().map { numbered($0, $1) }
                    return (name, .array(JSONTree.Elements(inOrder)))
                }))
    }

    private static func numbered(_ index: Int, _ call: JSONTree) -> JSONTree {
        guard case .object(let parts) = call else { return call }
        return .object(JSONTree.Members([("index", .plain(Array(String(index).utf8)))] + parts.list))
    }
}
