public import Generation
public import HTTPMessage
public import NIOCore
public import Resilience

/// One request that a front has received, and the way to answer it. Routes know nothing else of the connection.
///
/// The task that runs a route is cancelled when the caller leaves.
public struct Exchange: Sendable {
    /// The identity of the request.
    public let id: RequestID
    /// The request's line and fields.
    public let head: RequestHead
    /// The whole body, within the limit of its route.
    public let body: ByteBuffer
    /// Who asks.
    public let caller: Caller
    /// When the request's head arrived.
    public let arrivedAt: Instant
    /// Where the answer goes.
    public let reply: any ReplyWriter
    /// Starts work beside the route's own task, on the same event loop.
    public let spawner: Spawner
    /// Cancelled with the task that runs the route; nil if only that is.
    public let cancellation: CancellationToken?

    /// Creates an exchange.
    public init(
        id: RequestID, head: RequestHead, body: ByteBuffer, caller: Caller, arrivedAt: Instant,
        reply: any ReplyWriter, spawner: Spawner = .tasks, cancellation: CancellationToken? = nil
    ) {
        self.id = id
        self.head = head
        self.body = body
        self.caller = caller
        self.arrivedAt = arrivedAt
        self.reply = reply
        self.spawner = spawner
        self.cancellation = cancellation
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
