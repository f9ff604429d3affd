import Foundation
import Generation
import HTTPMessage
import Logging
import NIOCore
import Testing

@testable import GatewayHTTP
@testable import holdfast

/// A line about a request is what the program's logger would write of it, byte by byte.
@Suite struct AccessLineTests {
    private static let characters = Array(UInt8(0x21)...0x7E).filter { $0 != 0x23 && $0 != 0x3F }

    /// A request's head with a made-up method and path.
    private func head(pathLength: Int) throws -> RequestHead {
        let path = (0..<pathLength).map { _ in Self.characters.randomElement() ?? 0x61 }
        let method = ["GET", "POST", "x", "M-SEARCH", "!#$%&'*+-.^_`|~"].randomElement() ?? "GET"
        var parser = RequestParser()
        var input = ByteBuffer(
            string: "\(method) /\(String(decoding: path, as: UTF8.self))?query HTTP/1.1\r\nhost: a\r\n\r\n")
        return try #require(try parser.readHead(&input))
    }

    /// What a logger writes of the same.
    private func logged(_ line: AccessLine, isJSON: Bool) throws -> String {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        let writer = LineWriter(descriptor: ends[1])
        let logger = Logger(label: "holdfast.access") {
            LineLogHandler(label: $0, writer: writer, isJSON: isJSON, logLevel: .info)
        }
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
        writer.flush(seconds: 5)
        var bytes = [UInt8](repeating: 0, count: 4096)
        return String(decoding: bytes[..<max(0, read(ends[0], &bytes, 4096))], as: UTF8.self)
    }

    @Test(arguments: [true, false])
    func `it has the form of the program's other lines`(isJSON: Bool) throws {
        for round in 0..<300 {
            let line = AccessLine(
                id: RequestID(.random(in: 0 ... .max), .random(in: 0 ... .max)),
                head: round % 7 == 0 ? nil : try head(pathLength: [0, 1, 20, 198, 199, 200, 900][round % 7]),
                status: [0, 200, 404, 503][round % 4], code: round % 2 == 0 ? nil : "unknown_url",
                bytes: [0, 1, 4096, .random(in: 0...1 << 40)][round % 4],
                from: ["127.0.0.1", "2001:db8::1", "unknown"][round % 3],
                duration: .nanoseconds(Int64.random(in: 0...10_000_000_000)))
            var space = [UInt8](repeating: 0, count: AccessLine.longest), count = 0
            let millisecond = [0, 7, 42, 999][round % 4]
            space.withUnsafeMutableBytes { space in
                var writer = ByteWriter(space)
                line.write(
                    isJSON ? .json : .text, second: ByteBuffer(string: "2026-11-20T18:40:00."),
                    millisecond: millisecond, &writer)
                count = writer.count
            }
            let time = #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/#
            let written = String(decoding: space[..<count], as: UTF8.self)
            let digits = String("\(1000 + millisecond)".dropFirst())
            #expect(written.contains("2026-11-20T18:40:00.\(digits)Z"))
            #expect(
                written.replacing(time, with: "T")
                    == (try logged(line, isJSON: isJSON)).replacing(time, with: "T"))
        }
    }
}
