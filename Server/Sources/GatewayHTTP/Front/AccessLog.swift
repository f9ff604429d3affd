import Generation
import HTTPMessage
import Logging

/// One line for each request, by the program's logger, which must not block.
struct AccessLog: Sendable {
    let logger: Logger

    func write(_ reply: ConnectionReply, _ exchange: Exchange, from address: String, duration: Duration) {
        logger.info(
            "request",
            metadata: [
                "id": "\(reply.id)", "method": "\(exchange.head.method)",
                "path": "\(exchange.head.path.prefix(200))",
                "status": "\(reply.status)", "bytes": "\(reply.bytesWritten)", "from": "\(address)",
                "ms": "\(Int64((duration / .milliseconds(1)).rounded()))",
            ])
    }
}
