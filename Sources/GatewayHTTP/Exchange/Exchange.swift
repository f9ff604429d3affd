public import NIOCore
public import Resilience

/// One request that a front has received, and the way to answer it. Routes know nothing else of HTTP.
///
/// The task that runs a route is cancelled when the caller leaves.
public struct Exchange: Sendable {
    public let head: RequestHead
    /// The whole body, within the limit of its route.
    public let body: ByteBuffer
    /// Who asks.
    public let caller: Caller
    /// When the request's head arrived.
    public let arrivedAt: Instant
    /// Where the answer goes.
    public let reply: any ReplyWriter

    public init(head: RequestHead, body: ByteBuffer, caller: Caller, arrivedAt: Instant, reply: any ReplyWriter) {
        self.head = head
        self.body = body
        self.caller = caller
        self.arrivedAt = arrivedAt
        self.reply = reply
    }
}

/// Who asks.
public enum Caller: Sendable, Hashable {
    /// Someone, where no keys are needed.
    case anyone
    /// The holder of the key of that name.
    case key(String)
    /// The holder of the administrator's key.
    case administrator

    /// The name of the key, if keys are needed.
    var name: String? {
        switch self {
        case .anyone: nil
        case .key(let name): name
        case .administrator: "admin"
        }
    }
}

/// The head of a request.
public struct RequestHead: Sendable {
    public let method: String
    /// The path as it was sent: never decoded or normalised, so that what is compared is what was sent.
    public let path: String
    /// What follows the question mark; empty if nothing does.
    public let query: String
    private let fields: [(name: String, value: String)]

    /// Splits a request's target, which must begin with a slash, at its question mark.
    public init(method: String, target: String, fields: [(name: String, value: String)]) {
        self.method = method
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts.first ?? "")
        query = parts.count == 2 ? String(parts[1]) : ""
        self.fields = fields
    }

    /// The value of the first field with that lower-case name.
    public subscript(name: String) -> String? {
        fields.first { $0.name.isEqualIgnoringCase(to: name) }?.value
    }

    /// The values of all fields with that lower-case name.
    func values(_ name: String) -> [String] {
        fields.filter { $0.name.isEqualIgnoringCase(to: name) }.map(\.value)
    }
}

extension String {
    /// Whether this ASCII text is the given lower-case one but for case.
    fileprivate func isEqualIgnoringCase(to lowercase: String) -> Bool {
        guard utf8.count == lowercase.utf8.count else { return false }
        return zip(utf8, lowercase.utf8).allSatisfy { byte, lower in
            byte == lower || (0x41...0x5A).contains(byte) && byte | 0x20 == lower
        }
    }
}
