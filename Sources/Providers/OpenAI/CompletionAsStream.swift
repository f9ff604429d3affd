import Generation
import NIOCore
import Synchronization

/// A whole answer given to a caller who wants a stream, because the provider did not stream it: one event with all of
/// each choice, one with its end, and the usage if it is wanted, as the official API divides them.
final class CompletionAsStream: ReplyStream {
    let facts: ReplyFacts
    let choices: [AnsweredChoice]?
    var delivered: DeliveredText? { nil }
    private let piece: Mutex<ReplyPiece?>

    /// - Parameter whole: A complete completion that was checked before.
    init(_ whole: WholeReply, wantsUsage: Bool) {
        facts = whole.facts
        choices = whole.choices
        let tree = whole.body.withUnsafeReadableBytes { try? JSONTree.read($0) } ?? .object([])
        let events = Self.events(of: tree, wantsUsage: wantsUsage)
        var bytes = ByteBuffer()
        for event in events {
            bytes.writeStaticString("data: ")
            event.write(&bytes)
            bytes.writeStaticString("\n\n")
        }
        piece = Mutex(ReplyPiece(bytes: bytes, events: events.count, isProgress: true))
    }

    func next() async throws(AttemptFailure) -> ReplyPiece? {
        piece.withLock { $0.take() }
    }

    func cancel() {}

    private static func events(of answer: JSONTree, wantsUsage: Bool) -> [JSONTree] {
        guard case .object(let members) = answer else { return [] }
        let kept = members.filter { $0.name != "choices" && $0.name != "usage" && $0.name != "object" }
        let common = kept + [("object", JSONTree.text("chat.completion.chunk"))]
        func event(_ choices: [JSONTree]) -> JSONTree { .object(common + [("choices", .array(choices))]) }
        var events: [JSONTree] = []
        guard case .array(let choices)? = answer["choices"] else { return [] }
        for choice in choices {
            let (all, end) = divided(choice)
            events += [event([all]), event([end])]
        }
        if wantsUsage, let usage = answer["usage"] {
            events.append(.object(common + [("choices", .array([])), ("usage", usage)]))
        }
        return events
    }

    /// A choice as what it says, and as its end.
    private static func divided(_ choice: JSONTree) -> (all: JSONTree, end: JSONTree) {
        guard case .object(let members) = choice else { return (choice, choice) }
        var all: [(String, JSONTree)] = [], end: [(String, JSONTree)] = []
        for (name, value) in members {
            switch name {
            case "index": break
            case "message": all.append(("delta", delta(value)))
            case "finish_reason": end.append((name, value))
            default: all.append((name, value))
            }
        }
        let index = ("index", choice["index"] ?? .plain([0x30]))
        return (
            .object([index] + all + [("finish_reason", .null)]),
            .object([index, ("delta", .object([]))] + end)
        )
    }

    /// Tool calls of a stream carry their index.
    private static func delta(_ message: JSONTree) -> JSONTree {
        guard case .object(var members) = message else { return .object([]) }
        for (place, member) in members.enumerated() {
            guard member.name == "tool_calls", case .array(let calls) = member.value else { continue }
            let numbered = calls.enumerated().map { index, call -> JSONTree in
                guard case .object(let parts) = call else { return call }
                return .object([("index", .plain(Array(String(index).utf8)))] + parts)
            }
            members[place].value = .array(numbered)
        }
        return .object(members)
    }
}
