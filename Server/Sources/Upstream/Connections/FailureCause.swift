import NIOCore
import NIOPosix
import NIOSSL

/// Tells what the many errors of sockets, name look-up and TLS mean.
enum FailureCause {
    /// The cause of an error, and words for an operator.
    static func of(_ error: any Error) -> (UpstreamFailure.Cause, String) {
        switch error {
        case let error as NIOConnectionError: connecting(error)
        case let error as IOError: (socket(error), "errno \(error.errnoCode)")
        case let error as NIOSSLError: tls(error)
        case let error as BoringSSLError: (.tls, "\(error)".cut)
        case is NIOSSLExtraError: (.certificate, "\(error)".cut)
        case ChannelError.connectTimeout: (.timedOut, "connect")
        case ChannelError.eof, ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed,
            ChannelError.inputClosed:
            (.closedEarly, "closed")
        case let error as TunnelRefused:
            (.proxy, error.status.map { "status \($0)" } ?? "no answer to CONNECT")
        case is SocketAddressError, is UnknownName: (.unknownHost, "name look-up failed")
        default: (.reset, "\(error)".cut)
        }
    }

    /// Whether an error is no more than a close without the usual farewell.
    static func isGoodbye(_ error: any Error) -> Bool {
        switch error {
        case NIOSSLError.uncleanShutdown, ChannelError.eof: true
        default: false
        }
    }

    private static func connecting(_ error: NIOConnectionError) -> (UpstreamFailure.Cause, String) {
        guard let first = error.connectionErrors.first else { return (.unknownHost, "name look-up failed") }
        let causes = error.connectionErrors.map { of($0.error).0 }
        // One address that refuses says more than another that cannot be reached.
        return (causes.first { $0 == .refused } ?? of(first.error).0, "\(first.target): \(of(first.error).1)")
    }

    private static func socket(_ error: IOError) -> UpstreamFailure.Cause {
        switch error.errnoCode {
        case ECONNREFUSED: .refused
        case ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, ENETDOWN: .unreachable
        case ETIMEDOUT: .timedOut
        case EMFILE, ENFILE: .tooManyConnections
        default: .reset
        }
    }

    private static func tls(_ error: NIOSSLError) -> (UpstreamFailure.Cause, String) {
        switch error {
        case .handshakeFailed(let reason):
            let text = "\(reason)"
            if text.contains("NO_APPLICATION_PROTOCOL") { return (.onlyHTTP2, "TLS offers no HTTP/1.1") }
            return (text.contains("CERTIFICATE_VERIFY_FAILED") ? .certificate : .tls, text.cut)
        case .unableToValidateCertificate, .noCertificateToValidate: return (.certificate, "\(error)".cut)
        case .uncleanShutdown: return (.closedEarly, "TLS closed without notice")
        default: return (.tls, "\(error)".cut)
        }
    }
}

extension String {
    fileprivate var cut: String { String(prefix(200)) }
}
