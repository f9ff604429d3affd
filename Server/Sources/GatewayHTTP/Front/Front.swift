import HummingbirdCore
public import Logging
public import NIOCore
public import Resilience
import ServiceLifecycle

/// The front door: accepts connections with Hummingbird's server and serves the routes of a table on their event loops.
public struct Front: Sendable {
    /// What a front is made from.
    public struct Parts: Sendable {
        /// The address and the bounds.
        public var settings: FrontSettings
        /// What is served.
        public var routes: RouteTable
        /// Who may ask now.
        public var rules: @Sendable () -> AccessRules
        /// Counts what is going on, for the graceful end.
        public var activity: FrontActivity
        /// The monotonic time.
        public var time: TimeSource
        /// The present time in seconds since 1970.
        public var wallClock: @Sendable () -> Int64
        /// Where to write a line for each request; nil for nowhere.
        public var accessLog: Logger?
        /// Where identities and jitter come from.
        public var chance: Chance

        /// Creates parts.
        public init(
            settings: FrontSettings, routes: RouteTable, rules: @escaping @Sendable () -> AccessRules,
            activity: FrontActivity,
            time: TimeSource, wallClock: @escaping @Sendable () -> Int64, accessLog: Logger?, chance: Chance
        ) {
            self.settings = settings
            self.routes = routes
            self.rules = rules
            self.activity = activity
            self.time = time
            self.wallClock = wallClock
            self.accessLog = accessLog
            self.chance = chance
        }
    }

    private let services: ServiceGroup
    private let sweeps: [LoopSweep]
    /// Accepts connections. Those of the concurrency pool may all read large bodies.
    private let executor: any TaskExecutor

    /// Creates a front on the event loops of `group`.
    ///
    /// - Parameters:
    ///   - executor: The executor of an event loop, on which its requests run.
    ///   - onListening: Called with the port when connections are accepted.
    public init(
        _ parts: Parts, group: any EventLoopGroup, executor: (any EventLoop) -> any TaskExecutor,
        logger: Logger, onListening: @escaping @Sendable (Int) async -> Void
    ) {
        let connections = ConnectionCount(limit: parts.settings.maximumConnectionsPerAddress)
        let admission = Admission(parts.routes)
        let bodies = BodyBudget(limit: parts.settings.maximumBodiesInFlight)
        var chance = parts.chance
        var contexts: [ObjectIdentifier: FrontContext] = [:]
        for loop in group.makeIterator() {
            contexts[ObjectIdentifier(loop)] = FrontContext(
                loop: loop, executor: executor(loop), settings: parts.settings, admission: admission,
                rules: parts.rules,
                time: parts.time, sweep: LoopSweep(loop: loop, wallClock: parts.wallClock),
                connections: connections,
                bodies: bodies, activity: parts.activity, accessLog: parts.accessLog.map(AccessLog.init),
                chance: Chance(seed: chance.next()))
        }
        sweeps = contexts.values.map(\.sweep)
        self.executor = executor(group.next())
        let configuration = ServerConfiguration(
            address: .hostname(parts.settings.host, port: parts.settings.port), backlog: 4096,
            availableConnectionsDelegate: MaximumAvailableConnections(parts.settings.maximumConnections))
        let server = FrontChannel(contexts: contexts, connections: connections).server(
            configuration: configuration,
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) },
            eventLoopGroup: group, logger: logger)
        services = ServiceGroup(services: [server], logger: logger)
    }

    /// Accepts and serves until ``stop()``.
    ///
    /// - Throws: What keeps it from listening.
    public func run() async throws {
        for sweep in sweeps { sweep.start() }
        try await withTaskExecutorPreference(executor) { try await services.run() }
    }

    /// Accepts no more and closes all connections.
    public func stop() async {
        await services.triggerGracefulShutdown()
        for sweep in sweeps { sweep.stop() }
    }
}

/// Sets up each accepted connection.
private struct FrontChannel: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let channel: any Channel
    }

    let contexts: [ObjectIdentifier: FrontContext]
    let connections: ConnectionCount

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let address = channel.remoteAddress?.ipAddress ?? "unknown"
        guard let context = contexts[ObjectIdentifier(channel.eventLoop)], connections.open(address) else {
            return channel.close().flatMapThrowing { throw ChannelError.alreadyClosed }
        }
        return channel.eventLoop.makeCompletedFuture {
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            try channel.pipeline.syncOperations.addHandler(FrontConnection(context, address: address))
            return Value(channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        try? await value.channel.closeFuture.get()
    }
}
