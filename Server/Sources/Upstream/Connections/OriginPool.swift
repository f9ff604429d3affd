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
    let executor: LoopExecutor
    let maximumHead: Int
    private let wheel: TimerWheel
    private let trust: Trust?
    private let route: WayOut
    /// Idle connections, the most recently used last.
    private var idle: [Connection] = []
    private(set) var open = 0

    init(
        origin: Origin, loop: any EventLoop, executor: LoopExecutor, wheel: TimerWheel, trust: Trust?,
        route: WayOut, maximumHead: Int
    ) {
        self.origin = origin
        self.loop = loop
        self.executor = executor
        self.wheel = wheel
        self.trust = trust
        self.route = route
        self.maximumHead = maximumHead
    }

    /// Whether it is the pool for that origin, with certificates trusted by that.
    func serves(_ origin: Origin, _ trust: Trust?) -> Bool {
        self.trust === trust && self.origin == origin
    }

    /// Begins an exchange on a pooled connection or a new one.
    func begin(_ request: UpstreamRequest, fresh: Bool) throws(UpstreamFailure) -> Exchange {
        loop.assertInEventLoop()
        let now = loop.now
        while !fresh, let connection = idle.popLast() {
            if connection.isUsable(at: now) { return connection.begin(request, at: now) }
            connection.close()
        }
        guard open < Self.maximumConnections else {
            throw UpstreamFailure(.tooManyConnections, phase: .connect)
        }
        open += 1
        let connection = Connection(pool: self, wheel: wheel)
        let exchange = connection.begin(request, at: now)
        connect(connection, within: request.limits.connect)
        return exchange
    }

    func giveBack(_ connection: Connection) {
        loop.assertInEventLoop()
        idle.append(connection)
    }

    /// The connection is closed.
    func forget(_ connection: Connection) {
        loop.assertInEventLoop()
        open -= 1
        if let index = idle.lastIndex(where: { $0 === connection }) { idle.remove(at: index) }
    }

    private func connect(_ connection: Connection, within limit: Duration) {
        // The connection's own timer keeps the limit, TLS included; this one only frees the socket.
        let timeout = TimeAmount.nanoseconds(limit.limitNanoseconds)
        let proxy = route.proxy.flatMap { $0.applies(to: origin) ? $0 : nil }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(max(timeout, .milliseconds(1)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // One read at a time, so that a provider that is faster than its reader is stopped after one too many.
            .channelOption(.maxMessagesPerRead, value: 1)
            .resolver(AddressQueries(names: route.names, loop: loop))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.complete(channel, connection, by: proxy) }
            }
        let host = proxy?.host ?? origin.host, port = proxy?.port ?? origin.port
        // An address needs no look-up, which would go through another thread.
        let connected =
            if let address = try? SocketAddress(ipAddress: host, port: port) {
                bootstrap.connect(to: address)
            } else {
                bootstrap.connect(host: host, port: port)
            }
        connected.whenFailure { connection.connectFailed($0) }
    }

    private func complete(_ channel: any Channel, _ connection: Connection, by proxy: Proxy?) throws {
        let pipeline = channel.pipeline.syncOperations
        if let proxy {
            let tunnel = Tunnel(to: origin, by: proxy) { context in
                guard let security = try self.security() else { return }
                try pipeline.addHandler(security, position: .after(context.handler))
            }
            try pipeline.addHandler(tunnel)
        } else if let security = try security() {
            try pipeline.addHandler(security)
        }
        try pipeline.addHandler(connection)
    }

    private func security() throws -> NIOSSLClientHandler? {
        guard let trust else { return nil }
        let isAddress = (try? SocketAddress(ipAddress: origin.host, port: 0)) != nil
        return try NIOSSLClientHandler(
            context: trust.context, serverHostname: isAddress ? nil : origin.host)
    }
}

/// How connections find their way: the names they look up, and the proxy they go through.
struct WayOut: Sendable {
    let names: NameResolver
    let proxy: Proxy?
}
