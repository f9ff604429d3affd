public import Generation
import HTTPMessage
public import NIOCore

/// One request to a host, ready to be sent. A class, because it is handed on many times and never changes.
public final class UpstreamRequest: Sendable {
    /// Where it goes. Comes from the configuration, never from a caller.
    public let origin: Origin
    /// Whom to trust when the origin is secure; nil only for origins that are not.
    public let trust: Trust?
    /// The request line and the fields that are the same for all requests, each line with its end.
    public let head: PreparedHead
    /// The parts of the body, sent one after the other without being joined.
    public let body: [ByteBuffer]
    /// How long each phase may take.
    public let limits: PhaseLimits
    /// Whether it may be sent again when its outcome is unknown. Never true for what is charged for.
    public let isSafeToRepeat: Bool
    /// The largest body that is accepted, in bytes. Default: 32 MiB.
    public let maximumBody: Int
    /// Whether the answer's progress is told by its reader (``UpstreamBody/progressed()``), as for event streams, or by
    /// each byte that arrives.
    public let readerTellsProgress: Bool
    /// Closes its connection like cancelling its task does; nil if only that does. One that covers the task does so in its
    /// place.
    public let cancellation: CancellationToken?
    /// Asked before the request is sent a second time on a new connection.
    public let mayResend: @Sendable () -> Bool

    /// Creates a request.
    public init(
        origin: Origin, trust: Trust? = nil, head: PreparedHead, body: [ByteBuffer], limits: PhaseLimits,
        isSafeToRepeat: Bool = false,
        maximumBody: Int = 32 << 20, readerTellsProgress: Bool = false,
        cancellation: CancellationToken? = nil, mayResend: @escaping @Sendable () -> Bool = { true }
    ) {
        self.origin = origin
        self.trust = trust
        self.head = head
        self.body = body
        self.limits = limits
        self.isSafeToRepeat = isSafeToRepeat
        self.maximumBody = maximumBody
        self.readerTellsProgress = readerTellsProgress
        self.cancellation = cancellation
        self.mayResend = mayResend
    }

    /// The most bytes of the body that are copied behind the head: one write is cheaper than a gathered one.
    private static let mostCopied = 32 * 1024

    /// The request as bytes: its head with the parts of the body that are small, up to the first large one, and the rest.
    func serialized() -> (first: ByteBuffer, rest: ArraySlice<ByteBuffer>) {
        var length = 0, copied = 0, copies = 0
        for part in body {
            if copied == length, length + part.readableBytes <= Self.mostCopied {
                copied += part.readableBytes
                copies += 1
            }
            length += part.readableBytes
        }
        var first = ByteBuffer()
        first.writeWithUnsafeMutableBytes(
            minimumWritableBytes: head.bytes.readableBytes + 24 + copied
        ) { space in
            var writer = ByteWriter(space)
            writer.put(head.bytes)
            writer.put(length)
            writer.put("\r\n\r\n")
            for part in body[..<copies] { writer.put(part) }
            return writer.count
        }
        return (first, body[copies...])
    }
}

/// The request line and fields of a request, made once and used for many.
public struct PreparedHead: Sendable {
    /// All but the number at the end of the last field, the body's length.
    let bytes: ByteBuffer

    /// Creates a head.
    ///
    /// - Returns: Nil if the method, the path or a field holds a character that has no place there, so that nothing a
    ///   configuration contains can begin a new line.
    public init?(method: String, path: String, origin: Origin, fields: [(name: String, value: String)]) {
        guard !method.isEmpty, method.utf8.allSatisfy({ (0x41...0x5A).contains($0) }),
            path.utf8.first == 0x2F, path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        var text = "\(method) \(path) HTTP/1.1\r\nhost: \(origin.authority)\r\n"
        for (name, value) in fields {
            guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3A }),
                value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F })
            else { return nil }
            text += "\(name): \(value)\r\n"
        }
        text += "content-length: "
        bytes = ByteBuffer(string: text)
    }
}
