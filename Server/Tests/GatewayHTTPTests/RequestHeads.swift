import HTTPMessage
import NIOCore
import Testing

extension RequestHead {
    /// The head of a request, read as from a connection.
    static func of(
        _ fields: String..., line: String = "POST /v1/chat/completions", host: String? = "127.0.0.1:8080"
    ) throws -> RequestHead {
        var parser = RequestParser()
        let version = host == nil ? "1.0" : "1.1"
        let lines = ["\(line) HTTP/\(version)"] + (host.map { ["host: \($0)"] } ?? []) + fields
        var input = ByteBuffer(string: lines.joined(separator: "\r\n") + "\r\n\r\n")
        return try #require(try parser.readHead(&input))
    }
}
