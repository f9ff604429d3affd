public import Gateway
public import NIOCore

/// The way back to a caller. Exactly one of a whole reply, or a begin with its end, is written; what comes after is refused
/// as if the caller had left.
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

/// The head of a reply. Values that could begin a new line are left out.
public struct ReplyHead: Sendable {
    /// The status code.
    public let status: Int
    /// Whole lines that stand before the fields.
    private(set) var lines: StaticString = ""
    private(set) var fields: [(name: StaticString, value: String)] = []
    /// What a caller is told about how its answer came about.
    var summary: DecisionSummary?

    /// Creates a head without fields.
    public init(_ status: Int) {
        self.status = status
    }

    /// Begins with whole fields, each with its line end.
    init(_ status: Int, lines: StaticString, summary: DecisionSummary) {
        self.status = status
        self.lines = lines
        self.summary = summary
    }

    /// Adds a field. A value with anything but printable ASCII is left out.
    public mutating func add(_ name: StaticString, _ value: String) {
        if value.isPrintableASCII { fields.append((name, value)) }
    }

    /// Adds a field with a number.
    public mutating func add(_ name: StaticString, _ value: Int) {
        fields.append((name, String(value)))
    }
}

extension String {
    /// Whether nothing in this text could end a line or be taken for something else.
    var isPrintableASCII: Bool {
        utf8.withContiguousStorageIfAvailable { $0.allSatisfy { $0 &- 0x20 < 0x5F } }
            ?? utf8.allSatisfy { $0 &- 0x20 < 0x5F }
    }
}
