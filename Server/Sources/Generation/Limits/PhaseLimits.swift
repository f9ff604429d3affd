/// How long each phase of an attempt may take.
///
/// A value, because it is enforced where the bytes are: by the upstream client for providers that are reached over a
/// network. A phase that ends early leaves its time to nobody; only ``total`` runs from beginning to end.
public struct PhaseLimits: Sendable, Hashable {
    /// From the decision to connect until the connection can be used, name look-up and TLS included. Default: 2 s.
    public var connect: Duration
    /// From the request's last byte until the response's head. Default: 4 s.
    public var head: Duration
    /// From the request's last byte until the first meaningful part of a streamed answer. Default: 4 s.
    public var firstToken: Duration
    /// Between two meaningful parts of an answer. Default: 15 s.
    public var idle: Duration
    /// For the whole attempt. Default: 120 s.
    public var total: Duration

    /// Creates limits.
    public init(
        connect: Duration = .seconds(2), head: Duration = .seconds(4), firstToken: Duration = .seconds(4),
        idle: Duration = .seconds(15), total: Duration = .seconds(120)
    ) {
        self.connect = connect
        self.head = head
        self.firstToken = firstToken
        self.idle = idle
        self.total = total
    }
}

extension PhaseLimits {
    /// The limits by their names in a configuration.
    public enum Name: String, Sendable, Hashable {
        case connect, head
        case firstToken = "first_token"
        case idle, total
    }

    /// Lets the first token take at least so long.
    public mutating func allow(firstToken limit: Duration) {
        (head, firstToken) = (max(head, limit), max(firstToken, limit))
    }

    /// The same for an attempt in whose place nobody else could be asked: its answer may begin as late as it must end.
    public var withoutHaste: PhaseLimits {
        var limits = self
        (limits.head, limits.firstToken) = (max(head, total), max(firstToken, total))
        return limits
    }
}

/// The phases of an attempt, in order.
public enum Phase: String, Sendable, Hashable, Codable {
    /// Nothing was begun.
    case admission
    /// Looking up the name, connecting, agreeing on TLS.
    case connect
    /// Writing the request.
    case send
    /// Waiting for the response's head.
    case head
    /// Waiting for the first meaningful part of the answer.
    case firstToken = "first_token"
    /// Reading the rest.
    case body
}
