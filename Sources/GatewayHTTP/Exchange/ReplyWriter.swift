public import Gateway
public import NIOCore

/// The way back to a caller. Exactly one of a whole reply, or a begin with its end, is written.
public protocol ReplyWriter: AnyObject, Sendable {
    /// Writes a whole reply.
    func send(_ head: ReplyHead, _ body: ByteBuffer) async throws(CallerLeft)

    /// Begins a reply whose length is not known. It may be held back until the first part is written.
    func begin(_ head: ReplyHead) async throws(CallerLeft)

    /// Writes a part. Suspends while the caller is too slow to take it.
    func write(_ part: ByteBuffer) async throws(CallerLeft)

    /// Writes the last part and ends the reply.
    func end(_ part: ByteBuffer) async throws(CallerLeft)
}

/// The head of a reply, as bytes. Values that could begin a new line are left out.
public struct ReplyHead: Sendable {
    public let status: Int
    var fields: ByteBuffer

    public init(_ status: Int) {
        self.status = status
        fields = ByteBuffer()
        fields.reserveCapacity(512)
    }

    /// Adds a field. A value with anything but printable ASCII is left out.
    public mutating func add(_ name: StaticString, _ value: String) {
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else { return }
        fields.writeStaticString(name)
        fields.writeStaticString(": ")
        fields.writeString(value)
        fields.writeStaticString("\r\n")
    }

    /// Adds a field whose value is known to be harmless.
    public mutating func add(_ name: StaticString, _ value: StaticString) {
        fields.writeStaticString(name)
        fields.writeStaticString(": ")
        fields.writeStaticString(value)
        fields.writeStaticString("\r\n")
    }

    /// Adds a field with a number.
    public mutating func add(_ name: StaticString, _ value: Int) {
        fields.writeStaticString(name)
        fields.writeStaticString(": ")
        fields.writeString(String(value))
        fields.writeStaticString("\r\n")
    }
}
