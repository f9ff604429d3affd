import Harness
import NIOCore

@testable import HTTPMessage

/// What came of the bytes of a connection, one step after the other.
private enum Step: Equatable {
    case head(ByteBuffer, status: Int, closes: Bool)
    case body(ByteBuffer)
    case unfinished(ByteBuffer, mayEnd: Bool)
    case fault(MessageFault)
}

/// The responses of a connection are the same whether its bytes come at once or in pieces.
@main
struct FuzzResponseMessage {
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
    var parser = ResponseParser(maximumHead: 200), input = ByteBuffer(), body = ByteBuffer()
    var steps: [Step] = [], pieces = pieces, start = 0
    do throws(MessageFault) {
        while let end = pieces.next() {
            input.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            start = end
            progress: while true {
                switch try parser.read(&input, into: &body) {
                case .needsMore: break progress
                case .head(let head):
                    check(head)
                    steps.append(
                        .head(head.fields.bytes, status: head.status, closes: parser.closesConnection))
                case .end:
                    steps.append(.body(body))
                    // Nothing is read of a connection after the response that closes it.
                    if parser.closesConnection { return steps }
                    parser.reset()
                    body = ByteBuffer()
                }
            }
        }
        steps.append(.unfinished(body, mayEnd: parser.endsWithConnection))
    } catch {
        steps.append(.fault(error))
    }
    return steps
}

private func check(_ head: ResponseHead) {
    expect((200...999).contains(head.status), "the status is \(head.status)")
    let lengths = head.values("content-length"), codings = head.values("transfer-encoding")
    expect(lengths.count + codings.count <= 1, "two framings: \(lengths) and \(codings)")
}
