import Gateway
import Generation
import NIOCore

/// The reply to one request of a connection.
final class ConnectionReply: ReplyWriter, @unchecked Sendable {  // Confined to its connection's event loop.
    private static let copyLimit = 16 * 1024

    /// The identity of the request.
    let id: RequestID
    /// Whether the connection takes another request after this one.
    var keepsAlive: Bool
    private(set) var status = 0
    private(set) var hasBegun = false
    private(set) var isComplete = false
    private(set) var bytesWritten = 0
    private weak var connection: FrontConnection?
    /// The origin of the web page that may read the reply.
    private let allowedOrigin: String?
    private let isHead: Bool
    private let chunked: Bool
    private var held: ByteBuffer?

    init(
        _ connection: FrontConnection, id: RequestID, allowedOrigin: String?, keepsAlive: Bool, isHead: Bool,
        chunked: Bool
    ) {
        self.connection = connection
        self.id = id
        self.allowedOrigin = allowedOrigin
        self.keepsAlive = keepsAlive
        self.isHead = isHead
        self.chunked = chunked
    }

    /// Something to send in the middle of an event stream that means nothing; nil while that would not be understood.
    var harmlessPart: ByteBuffer? {
        guard hasBegun, held == nil, chunked else { return nil }
        return ReplyEncoder.chunk(ByteBuffer(string: ":\n\n"), after: nil, isLast: false)
    }

    func send(_ head: ReplyHead, _ body: ByteBuffer) async throws(CallerLeft) {
        connection?.assertInEventLoop()
        guard let connection, !hasBegun else { throw CallerLeft() }
        hasBegun = true
        status = head.status
        if connection.drains { keepsAlive = false }
        let isShort = !isHead && body.readableBytes <= Self.copyLimit
        let bytes = ReplyEncoder.head(
            head, allowedOrigin: allowedOrigin, date: connection.date, length: body.readableBytes,
            keepsAlive: keepsAlive, body: isShort ? body : nil)
        bytesWritten = body.readableBytes
        isComplete = true
        try await connection.write(bytes)
        if !isShort, !isHead { try await connection.write(body) }
    }

    func begin(_ head: ReplyHead) async throws(CallerLeft) {
        connection?.assertInEventLoop()
        guard let connection, !hasBegun, connection.isOpen else { throw CallerLeft() }
        hasBegun = true
        status = head.status
        // A caller that does not know chunks learns the end from the end of the connection.
        if connection.drains || !chunked { keepsAlive = false }
        held = ReplyEncoder.head(
            head, allowedOrigin: allowedOrigin, date: connection.date, length: nil, keepsAlive: keepsAlive,
            chunked: chunked)
    }

    func write(_ part: ByteBuffer) async throws(CallerLeft) {
        guard !isComplete else { throw CallerLeft() }
        try await write(part, isLast: false)
    }

    func end(_ part: ByteBuffer) async throws(CallerLeft) {
        guard !isComplete else { throw CallerLeft() }
        isComplete = true
        try await write(part, isLast: true)
    }

    private func write(_ part: ByteBuffer, isLast: Bool) async throws(CallerLeft) {
        connection?.assertInEventLoop()
        guard let connection, hasBegun else { throw CallerLeft() }
        bytesWritten += part.readableBytes
        let held = held
        self.held = nil
        if isHead {
            if let held { try await connection.write(held) }
        } else if chunked {
            try await connection.write(ReplyEncoder.chunk(part, after: held, isLast: isLast))
        } else {
            if let held { try await connection.write(held) }
            try await connection.write(part)
        }
    }
}
