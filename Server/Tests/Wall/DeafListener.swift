#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A port that nobody accepts connections on, as of a process that was stopped.
public final class DeafListener: Sendable {
    /// Thrown when the system does not let us listen.
    public struct Failed: Error {}

    /// The port.
    public let port: Int
    private let descriptors: [Int32]

    /// Begins to listen on loopback.
    ///
    /// - Parameter isFull: Whether the queue of connections to accept is full, so that the system drops
    ///   whatever wants to connect; otherwise it completes connections by itself and nobody ever reads from them.
    public init(isFull: Bool) throws {
        let listener = Self.socket()
        var address = Self.loopback(port: 0), length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = Self.with(&address) { bind(listener, $0, length) }
        let named = Self.with(&address) { getsockname(listener, $0, &length) }
        guard listener >= 0, bound == 0, named == 0, listen(listener, isFull ? 0 : 64) == 0 else {
            throw Failed()
        }
        port = Int(in_port_t(bigEndian: address.sin_port))
        // A queue of no length still takes one; what follows finds it full.
        descriptors = [listener] + (isFull ? (0..<3).map { _ in Self.begin(address, length) } : [])
        if isFull { usleep(20_000) }
    }

    /// Keeps a port on which nobody listens any more from being given to somebody else: connections are refused.
    ///
    /// - Throws: ``Failed`` if somebody has it already.
    public init(refusingOn port: Int) throws {
        let descriptor = Self.socket()
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = Self.loopback(port: in_port_t(truncatingIfNeeded: port))
        let bound = Self.with(&address) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        self.port = port
        descriptors = [descriptor]
        guard bound == 0 else { throw Failed() }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }

    private static func socket() -> Int32 {
        #if canImport(Glibc)
            Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            Darwin.socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    /// Begins to connect without waiting for it.
    private static func begin(_ address: sockaddr_in, _ length: socklen_t) -> Int32 {
        let descriptor = socket()
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        var address = address
        _ = with(&address) { connect(descriptor, $0, length) }
        return descriptor
    }

    private static func loopback(port: in_port_t) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return address
    }

    private static func with<Result>(
        _ address: inout sockaddr_in,
        _ body: (UnsafeMutablePointer<sockaddr>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
        }
    }
}
