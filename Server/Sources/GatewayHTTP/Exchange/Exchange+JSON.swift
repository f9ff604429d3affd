import Dialects
import Foundation
import Gateway
import Generation
import NIOCore

extension Exchange {
    /// Answers with a value as JSON, its members in the order of their names. For routes that are asked rarely.
    func sendJSON(_ value: some Encodable, status: Int = 200) async {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            return await send(status: 500, type: "text/plain", ByteBuffer(string: "internal error\n"))
        }
        await send(status: status, type: "application/json", ByteBuffer(bytes: data))
    }

    func sendText(_ text: String, status: Int = 200) async {
        await send(status: status, type: "text/plain; charset=utf-8", ByteBuffer(string: text))
    }

    func send(status: Int, type: String, _ body: ByteBuffer) async {
        var head = ReplyHead(status)
        head.add("content-type", type)
        head.add("cache-control", "no-store")
        head.add("x-content-type-options", "nosniff")
        head.add("x-request-id", id.description)
        do throws(CallerLeft) { try await reply.send(head, body) } catch {
            // Nobody is there to be told.
        }
    }
}
