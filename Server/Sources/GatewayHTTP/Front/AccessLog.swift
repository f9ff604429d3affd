import Generation
import HTTPMessage
import Logging

/// One line for each request, by the program's logger, which must not block.
struct AccessLog: Sendable {
    /// What there is to say of a request.
    struct Line {
        let id: RequestID
        /// Nil if it could not be read.
        let head: RequestHead?
        let status: Int
        /// What is wrong; nil if a route has answered.
        let code: String?
        /// Those of the reply's body.
        let bytes: Int
        let from: String
        let duration: Duration
    }

    let logger: Logger

    func write(_ line: Line) {
        var fields: Logger.Metadata = [
            "id": "\(line.id)", "status": "\(line.status)", "bytes": "\(line.bytes)", "from": "\(line.from)",
            "ms": "\(Int64((line.duration / .milliseconds(1)).rounded()))",
        ]
        if let head = line.head {
            fields["method"] = "\(head.method)"
            fields["path"] = "\(head.path.prefix(200))"
        }
        if let code = line.code { fields["code"] = "\(code)" }
        logger.info("request", metadata: fields)
    }
}
