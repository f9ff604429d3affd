import Generation
import NIOCore
import NIOPosix
import NIOSSL

/// The connections of one event loop to one host.
final class OriginPool: @unchecked Sendable {  // Confined to its event loop.
    /// The most connections of one event loop to one host. Policies bound what is in flight; this bounds mistakes.
    private static let maximumConnections = 8192

    let origin: Origin
    let loop: any EventLoop
    let maximumHead: Int
    private let wheel: TimerWheel
    private let trust: Trust?
    /// Idle connections, the most recently used last.
    private var idle: [Connection] = []
    private(set) var open = 0

    init(origin: Origin, loop: any EventLoop, wheel: TimerWheel, trust: Trust?, maximumHead: Int) {
        self.origin = origin
        self.loop = loop
        self.wheel = wheel
        self.trust = trust
        self.maximumHead = maximumHead
    }

    /// Begins an exchange on a pooled connection or a new one.
    func begin(_ request: UpstreamRequest, fresh: Bool) throws(UpstreamFailure) -> Exchange {
        while !fresh, let connection = idle.popLast() {
            if connection.isUsable { return connection.begin(request) }
            connection.close()
        }
        guard open < Self.maximumConnections else {
            throw UpstreamFailure(.tooManyConnections, phase: .connect)
        }
        open += 1
        let connection = Connection(pool: self, wheel: wheel)
        let exchange = connection.begin(request)
        connect(connection, within: request.limits.connect)
        return exchange
    }

    func giveBack(_ connection: Connection) {
        idle.append(connection)
    }

    /// The connection is closed.
    func forget(_ connection: Connection) {
        open -= 1
        if let index = idle.lastIndex(where: { $0 === connection }) { idle.remove(at: index) }
    }

    private func connect(_ connection: Connection, within limit: Duration) {
        // The connection's own timer keeps the limit, TLS included; this one only frees the socket.
        let timeout = NIODeadline.uptimeNanoseconds(0).advanced(by: limit) - .uptimeNanoseconds(0)
        let trust = trust, origin = origin
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(max(timeout, .milliseconds(1)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // One read at a time, so that a provider that is faster than its reader is stopped after one too many.
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let trust {
                        let name =
                            (try? SocketAddress(ipAddress: origin.host, port: 0)) == nil ? origin.host : nil
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: trust.context, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
        // An address needs no look-up, which would go through another thread.
        let connected =
            if let address = try? SocketAddress(ipAddress: origin.host, port: origin.port) {
                bootstrap.connect(to: address)
            } else {
                bootstrap.connect(host: origin.host, port: origin.port)
            }
        connected.whenFailure { connection.connectFailed($0) }
    }
}
