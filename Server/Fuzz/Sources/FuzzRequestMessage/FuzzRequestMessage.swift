import Harness
import NIOCore

@testable import HTTPMessage

/// What came of the bytes of a connection, one step after the other.
private enum Step: Equatable {
    case head(ByteBuffer, length: Int?, keepsAlive: Bool)
    case body(ByteBuffer)
    case unfinished(ByteBuffer)
    case fault(MessageFault)
}

/// The requests of a connection are the same whether its bytes come at once or in pieces, and none can be framed in two
/// ways.
@main
struct FuzzRequestMessage {
    static func main() {
        fuzz(test)
    }

    private static func test(_ bytes: UnsafeRawBufferPointer) {
        let whole = read(bytes, Pieces(wholeOf: bytes)), parts = read(bytes, Pieces(of: bytes))
        expect(whole == parts, "in pieces: \(parts), whole: \(whole)")
    }
}

private func read(_ bytes: UnsafeRawBufferPointer, _ pieces: Pieces) -> [Step] {
    // Short, so that the limit is met.
    var parser = RequestParser(maximumHead: 200), input = ByteBuffer(), body = ByteBuffer()
    var steps: [Step] = [], isInBody = false, pieces = pieces, start = 0
    do throws(MessageFault) {
        while let end = pieces.next() {
            input.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            start = end
            while true {
                if isInBody {
                    guard try parser.readBody(&input, into: &body) else { break }
                    steps.append(.body(body))
                    (body, isInBody) = (ByteBuffer(), false)
                } else {
                    guard let head = try parser.readHead(&input) else { break }
                    check(head)
                    steps.append(
                        .head(head.fields.bytes, length: head.length, keepsAlive: head.keepsAlive))
                    isInBody = true
                }
            }
        }
        steps.append(.unfinished(body))
    } catch {
        steps.append(.unfinished(body))
        steps.append(.fault(error))
    }
    return steps
}

private func check(_ head: RequestHead) {
    expect(head.path.hasPrefix("/") && !head.path.contains("?"), "the path is \(head.path)")
    expect(
        !head.method.isEmpty && head.path.hasSuffix(head.lastSegment), "the segment is \(head.lastSegment)")
    expect(!head.query.contains("#") && !head.query.contains(" "), "the query is \(head.query)")
    let lengths = head.fields.values("content-length"), codings = head.fields.values("transfer-encoding")
    expect(lengths.count + codings.count <= 1, "two framings: \(lengths) and \(codings)")
    expect(head.isChunked == !codings.isEmpty, "chunked is \(head.isChunked) by \(codings)")
    expect(head.isChunked || head.length == lengths.first.flatMap { Int($0) } ?? 0, "the length is wrong")
    expect(head.fields.values("host").count == 1 || !head.isHTTP11, "not one host")
}
