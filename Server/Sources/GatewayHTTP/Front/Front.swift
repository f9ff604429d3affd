public import NIOCore
public import Resilience

/// The front door: accepts connections and serves the routes of a table on their event loops.
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
        public var accessLog: AccessLogOutlet?
        /// Fills memory with random bytes that nobody can foretell, for the identities of requests.
        public var entropy: @Sendable (UnsafeMutableRawBufferPointer) -> Void

        /// Creates parts.
        public init(
            settings: FrontSettings, routes: RouteTable, rules: @escaping @Sendable () -> AccessRules,
            activity: FrontActivity,
            time: TimeSource, wallClock: @escaping @Sendable () -> Int64, accessLog: AccessLogOutlet?,
            entropy: @escaping @Sendable (UnsafeMutableRawBufferPointer) -> Void
        ) {
            self.settings = settings
            self.routes = routes
            self.rules = rules
            self.activity = activity
            self.time = time
            self.wallClock = wallClock
            self.accessLog = accessLog
            self.entropy = entropy
        }
    }

    /// Thrown when the listening socket was closed, though nobody stopped the front.
    public struct ListeningEnded: Error {}

    private let listener: Listener
    private let contexts: [FrontContext]
    private let activity: FrontActivity
    private let time: TimeSource
    /// Runs what waits for the end. The threads of the concurrency pool may all be reading large bodies.
    private let executor: any TaskExecutor
    private let onListening: @Sendable (Int) async -> Void

    /// Creates a front on the event loops of `group`.
    ///
    /// - Parameters:
    ///   - executor: The executor of an event loop, on which its requests run.
    ///   - onListening: Called with the port when connections are accepted.
    public init(
        _ parts: Parts, group: any EventLoopGroup, executor: (any EventLoop) -> any TaskExecutor,
        onListening: @escaping @Sendable (Int) async -> Void
    ) {
        let connections = ConnectionCount(limit: parts.settings.maximumConnectionsPerAddress)
        let admission = Admission(parts.routes)
        let bodies = BodyBudget(limit: parts.settings.maximumBodiesInFlight)
        var contexts: [ObjectIdentifier: FrontContext] = [:]
        for loop in group.makeIterator() {
            contexts[ObjectIdentifier(loop)] = FrontContext(
                loop: loop, executor: executor(loop), settings: parts.settings, admission: admission,
                rules: parts.rules,
                time: parts.time, sweep: LoopSweep(loop: loop, wallClock: parts.wallClock),
                connections: connections, bodies: bodies, activity: parts.activity,
                accessLog: parts.accessLog.map { AccessLog($0, loop: loop) }, ids: RequestIDs(parts.entropy))
        }
        self.contexts = Array(contexts.values)
        activity = parts.activity
        time = parts.time
        self.executor = executor(group.next())
        self.onListening = onListening
        let setup = ConnectionSetup(contexts: contexts, connections: connections)
        listener = Listener(parts.settings, group: group) { setup.run($0) }
    }

    /// Accepts and serves until ``stop()``.
    ///
    /// - Throws: What keeps it from listening; ``ListeningEnded`` if that ends by itself.
    public func run() async throws {
        for context in contexts { context.sweep.start() }
        try await withTaskExecutorPreference(executor) {
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await listener.run(onListening: onListening)) } catch {
                outcome = .failure(error)
            }
            await untilRoutesHaveReturned()
            for context in contexts { try await context.loop.submit { context.end() }.get() }
            try outcome.get()
        }
    }

    /// Waits a moment for the routes of connections that were closed, so that there is a line about each request.
    private func untilRoutesHaveReturned() async {
        for _ in 0..<20 where activity.requests > 0 {
            guard (try? await time.sleep(for: .milliseconds(10))) != nil else { return }
        }
    }

    /// Accepts no more and closes all connections.
    public func stop() {
        listener.stop()
        for context in contexts { context.sweep.stop() }
    }
}

/// Sets up each accepted connection.
private struct ConnectionSetup: Sendable {
    let contexts: [ObjectIdentifier: FrontContext]
    let connections: ConnectionCount

    /// Called on the connection's event loop.
    func run(_ channel: any Channel) -> EventLoopFuture<Void> {
        let address = channel.remoteAddress?.ipAddress ?? "unknown"
        guard let context = contexts[ObjectIdentifier(channel.eventLoop)], !context.sweep.isStopped,
            connections.open(address)
        else {
            return channel.close().flatMapThrowing { throw ChannelError.alreadyClosed }
        }
        return channel.eventLoop.makeCompletedFuture {
            // A caller that has left already may not take it, and is counted all the same.
            try? channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            try channel.pipeline.syncOperations.addHandler(FrontConnection(context, address: address))
        }
    }
}
