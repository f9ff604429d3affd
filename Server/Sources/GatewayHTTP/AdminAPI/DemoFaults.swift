import Bytes
import Dialects
import HTTPMessage
import JSON
import NIOCore

/// `POST /demo/faults/{provider}`: switches a fault of a simulated provider on or off. Only in the demonstration.
struct DemoFaults: Sendable {
    private struct View: Encodable {
        var provider: String
        var mode: String
    }

    private enum Member: String, JSONMember { case mode }
    private static let members = JSONKeys<Member>()

    /// Sets a fault: nil if the provider is unknown, false if the mode is.
    let set: @Sendable (_ provider: String, _ mode: String) -> Bool?
    let providers: [String]
    let modes: [String]

    func run(_ exchange: Exchange) async {
        let provider = String(exchange.head.lastSegment)
        guard let mode = mode(exchange.body) else {
            return await exchange.sendError(
                .invalid(#"send {"mode": "\#(modes.joined(separator: "|"))"}"#, field: "mode"))
        }
        switch set(provider, mode) {
        case nil:
            await exchange.sendError(
                .invalid(
                    "there is no provider '\(provider.prefix(64))'; there are \(providers.joined(separator: ", "))",
                    field: "provider", code: "unknown_provider", status: 404))
        case false?:
            await exchange.sendError(
                .invalid("mode must be one of \(modes.joined(separator: ", "))", field: "mode"))
        case true?: await exchange.sendJSON(View(provider: provider, mode: mode))
        }
    }

    private func mode(_ body: ByteBuffer) -> String? {
        body.withUnsafeReadableBytes { bytes -> String? in
            var cursor = JSONCursor(bytes), mode: String?
            do throws(JSONFault) {
                try cursor.enterObject()
                while let key = try cursor.nextKey(of: Self.members) {
                    if key.member == .mode, try cursor.peek() == .string {
                        mode = cursor.decode(try cursor.readString())
                    } else {
                        try cursor.skipValue()
                    }
                }
                try cursor.finish()
            } catch {
                return nil
            }
            return mode
        }
    }
}
