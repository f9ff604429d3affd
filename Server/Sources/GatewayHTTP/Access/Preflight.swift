import Gateway
import HTTPMessage
import NIOCore

/// Answers the question that a browser asks before it lets a page send more than a form could: whether the page may
/// (the CORS protocol of the Fetch standard). Only pages whose origin is allowed get here.
enum Preflight {
    /// How long a browser may remember the answer, in seconds.
    private static let memory = 600
    private static let longestList = 4096

    static func isAsked(_ head: RequestHead) -> Bool {
        head.isMethod("OPTIONS") && head.fields.contains("access-control-request-method")
    }

    /// The entry that answers for all paths of `routes`.
    static func entry(_ routes: RouteTable) -> RouteTable.Entry {
        RouteTable.Entry("OPTIONS", .exactly("*"), .open) { exchange in
            let methods = routes.match(exchange.head).otherMethods ?? ["GET", "POST"]
            var head = ReplyHead(200)
            head.add("access-control-allow-methods", methods.joined(separator: ", "))
            // Of what a caller sends only what is understood is looked at, and nothing is handed on, so that there is
            // nothing to choose.
            if let asked = exchange.head["access-control-request-headers"], asked.utf8.count <= longestList {
                head.add("access-control-allow-headers", asked)
            }
            head.add("access-control-max-age", memory)
            do throws(CallerLeft) { try await exchange.reply.send(head, ByteBuffer()) } catch {
                // Nobody is there to be told.
            }
        }
    }
}
