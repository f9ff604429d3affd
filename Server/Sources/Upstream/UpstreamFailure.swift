public import Generation

/// Why an exchange with a host failed: the one error of this module.
public struct UpstreamFailure: Error, Sendable, Hashable {
    /// What went wrong.
    public enum Cause: String, Sendable, Hashable {
        /// The name could not be looked up.
        case unknownHost = "unknown_host"
        /// The host does not accept connections on that port.
        case refused
        /// The host or its network cannot be reached.
        case unreachable
        /// The other side's certificate is not trusted or does not fit its name.
        case certificate
        /// TLS could not be agreed on.
        case tls
        /// The proxy does not let the connection through.
        case proxy
        /// The other side speaks nothing but HTTP/2.
        case onlyHTTP2 = "only_http2"
        /// The other side closed the connection hard.
        case reset
        /// The other side closed the connection before the response was complete.
        case closedEarly = "closed_early"
        /// The phase took too long.
        case timedOut = "timed_out"
        /// The response breaks the rules of HTTP/1.1.
        case malformed
        /// The response's head is larger than allowed.
        case headTooLarge = "head_too_large"
        /// The response's body is larger than allowed.
        case bodyTooLarge = "body_too_large"
        /// The response is compressed although that was not asked for.
        case compressed
        /// Too many connections to the host are open already.
        case tooManyConnections = "too_many_connections"
        /// Whoever waited for the response does not want it any more.
        case cancelled
    }

    /// What went wrong.
    public var cause: Cause
    /// The phase in which it did.
    public var phase: Phase
    /// The bytes of the response that had arrived, head included.
    public var bytesReceived: Int
    /// Whether a part of the request may have reached the other side.
    public var requestWasSent: Bool
    /// Whether the connection had served an exchange before.
    public var connectionWasReused: Bool
    /// More about it, for an operator; holds nothing of the request or the response.
    public var detail: String

    /// Creates a failure.
    public init(
        _ cause: Cause, phase: Phase, bytesReceived: Int = 0, requestWasSent: Bool = false,
        connectionWasReused: Bool = false, detail: String = ""
    ) {
        self.cause = cause
        self.phase = phase
        self.bytesReceived = bytesReceived
        self.requestWasSent = requestWasSent
        self.connectionWasReused = connectionWasReused
        self.detail = detail
    }
}
