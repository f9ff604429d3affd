import Foundation
import Synchronization
import Wall

/// The control port: `GET /ledger`, `POST /script/MODEL` and `POST /reset`.
final class ControlDesk: Sendable {
    let wall: Wall

    /// How much of the ledger was there at the last reset.
    private final class Start: Sendable {
        let counts = Mutex((lines: 0, calls: 0))
    }

    init(_ provider: ScriptedProvider) {
        let start = Start()
        // The control port speaks HTTP as the wall does, so it is one.
        wall = Wall { call in
            let words = call.head.prefix { $0 != "\r\n" }.split(separator: " ").map(String.init)
            guard words.count >= 2 else { return [Self.refusal(400, "this is no request")] }
            switch (words[0], words[1].split(separator: "/", maxSplits: 1).map(String.init)) {
            case ("GET", ["ledger"]): return [Self.ledger(provider, start)]
            case ("POST", ["reset"]): return [Self.reset(provider, start)]
            case ("POST", let path) where path.count == 2 && path[0] == "script":
                return [Self.script(call.body, for: path[1].removingPercentEncoding ?? path[1], provider)]
            default:
                return [Self.refusal(404, "there are GET /ledger, POST /script/MODEL and POST /reset")]
            }
        }
    }

    private static func refusal(_ status: Int, _ words: String) -> Wall.Act {
        Answer.response(status, Answer.error(words, type: "invalid_request_error"))
    }

    private static func ledger(_ provider: ScriptedProvider, _ start: Start) -> Wall.Act {
        let (lines, calls) = start.counts.withLock { ($0.lines, $0.calls) }
        let view = LedgerView(provider.wall.ledger, from: lines, calls, since: provider.begun)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let data = try? encoder.encode(view) else { return refusal(500, "the ledger has no form") }
        return Answer.response(200, Array(data))
    }

    private static func reset(_ provider: ScriptedProvider, _ start: Start) -> Wall.Act {
        let ledger = provider.wall.ledger
        start.counts.withLock { $0 = (ledger.lines.count, ledger.calls.count) }
        provider.forget()
        return Answer.response(200, "{}")
    }

    private static func script(_ text: String, for model: String, _ provider: ScriptedProvider) -> Wall.Act {
        do {
            let acts = try ByteScript.read(text)
            provider.give(acts, to: model)
            return Answer.response(200, #"{"acts":\#(acts.count)}"#)
        } catch {
            return refusal(400, error.description)
        }
    }
}

/// The ledger as it is shown. Times are milliseconds since the wall began.
struct LedgerView: Encodable {
    struct Connection: Encodable {
        var number: Int
        var opened_at_ms: Double
        var closed_at_ms: Double?
        var closed_by_peer: Bool
        var bytes_received: Int
        var bytes_sent: Int
        var requests: Int
    }

    struct Call: Encodable {
        var number: Int
        var connection: Int
        var model: String
        var user: String
        var streams: Bool
        var at_ms: Double
        var charged: Bool
    }

    var connections: [Connection]
    var calls: [Call]
    var charges: [String: Int]

    /// Shows what came after the first so many connections and calls; connections that are open are shown anyway.
    init(_ ledger: Wall.Ledger, from lines: Int, _ calls: Int, since begun: ContinuousClock.Instant) {
        func milliseconds(_ instant: ContinuousClock.Instant) -> Double {
            ((instant - begun) / .microseconds(1)).rounded() / 1000
        }
        connections = ledger.lines.enumerated().filter { $0 >= lines || $1.closedAt == nil }.map {
            Connection(
                number: $0, opened_at_ms: milliseconds($1.openedAt),
                closed_at_ms: $1.closedAt.map(milliseconds), closed_by_peer: $1.closedByPeer,
                bytes_received: $1.bytesReceived, bytes_sent: $1.bytesSent, requests: $1.requests)
        }
        let shown = Array(ledger.calls.dropFirst(calls))
        self.calls = shown.map {
            Call(
                number: $0.number, connection: $0.connection, model: $0.model, user: $0.user,
                streams: $0.streams, at_ms: milliseconds($0.at), charged: $0.isCharged)
        }
        charges = shown.charges
    }
}
