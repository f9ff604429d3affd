import Generation
import Upstream

/// What trouble on the way to a provider means, whatever it speaks.
extension AttemptFailure {
    /// The failure that it means.
    init(_ upstream: UpstreamFailure) {
        let kind: FailureClass =
            switch upstream.cause {
            case .unknownHost, .refused, .unreachable, .certificate, .tls, .proxy, .onlyHTTP2: .systemError
            case .reset, .closedEarly: .transient
            case .timedOut: .timeout
            case .malformed, .headTooLarge, .bodyTooLarge, .compressed: .apiFailure
            case .tooManyConnections: .resourceExhausted
            case .cancelled: .systemError
            }
        let words =
            switch upstream.cause {
            case .unknownHost: "the provider's name could not be looked up"
            case .refused: "the provider does not accept connections"
            case .unreachable: "the provider cannot be reached"
            case .certificate: "the provider's certificate is not trusted"
            case .tls: "no secure connection could be made to the provider"
            case .proxy: "the proxy does not let the connection through"
            case .onlyHTTP2: "the provider speaks only HTTP/2, and holdfast speaks HTTP/1.1 to providers"
            case .reset: "the provider closed the connection"
            case .closedEarly: "the provider closed the connection before its answer was complete"
            case .timedOut: "the provider did not answer in time"
            case .malformed, .headTooLarge, .bodyTooLarge, .compressed:
                "the provider's answer could not be read"
            case .tooManyConnections: "too many connections to the provider are open"
            case .cancelled: "the caller left"
            }
        self.init(
            kind, cause: upstream.cause.rawValue, phase: upstream.phase,
            message: upstream.detail.isEmpty ? words : "\(words) (\(upstream.detail))",
            bytesReceived: upstream.bytesReceived, requestWasSent: upstream.requestWasSent)
    }
}
