import NIOCore
import Testing

@testable import HTTPMessage

/// Empty lines before a request, which a careless client leaves over from the one before.
@Suite struct EmptyLineTests {
    private static let request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n"

    /// The path of the request in `text`, which arrives in pieces of `size` bytes; nil if it is refused.
    private func path(_ text: String, inPiecesOf size: Int) -> String? {
        var parser = RequestParser(), input = ByteBuffer(), rest = text.utf8[...]
        while !rest.isEmpty {
            input.writeBytes(rest.prefix(size))
            rest = rest.dropFirst(size)
            do {
                if let head = try parser.readHead(&input) { return head.path }
            } catch {
                return nil
            }
        }
        return nil
    }

    @Test(arguments: [1, 2, 3, 1000])
    func `one is skipped, however the bytes arrive`(size: Int) {
        #expect(path("\r\n" + Self.request, inPiecesOf: size) == "/")
    }

    @Test(arguments: [1, 2, 3, 1000])
    func `a second is refused, however the bytes arrive`(size: Int) {
        #expect(path("\r\n\r\n" + Self.request, inPiecesOf: size) == nil)
    }

    @Test func `each request of a connection may have one`() throws {
        var parser = RequestParser()
        var input = ByteBuffer(string: "\r\n" + Self.request + "\r\n" + Self.request)
        #expect(try parser.readHead(&input) != nil)
        #expect(try parser.readHead(&input) != nil)
        #expect(input.readableBytes == 0)
    }
}
