import NIOCore
import NIOPosix
import Synchronization

/// The listening socket of a front: accepts connections, and ends when the last of them has.
final class Listener: Sendable {
    private enum State {
        /// Next: listening, stopped.
        case new
        /// Next: stopped.
        case listening(any Channel)
        case stopped
    }

    /// How many connections the system keeps until they are accepted.
    private static let backlog: Int32 = 4096

    private let settings: FrontSettings
    private let group: any EventLoopGroup
    private let setUp: @Sendable (any Channel) -> EventLoopFuture<Void>
    private let state = Mutex(State.new)

    /// - Parameter setUp: Gets each accepted connection on its event loop; one for which it fails is closed.
    init(
        _ settings: FrontSettings, group: any EventLoopGroup,
        setUp: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) {
        self.settings = settings
        self.group = group
        self.setUp = setUp
    }

    /// Accepts until ``stop()``, and then waits until all connections are closed.
    ///
    /// - Parameter onListening: Called with the port when connections are accepted.
    /// - Throws: What keeps it from listening; ``Front/ListeningEnded`` if that ends by itself.
    func run(onListening: @Sendable (Int) async -> Void) async throws {
        let loop = group.next(), connections = OpenConnections(limit: settings.maximumConnections, loop)
        let channel: any Channel
        do { channel = try await bind(loop, connections).get() } catch {
            connections.forget()
            throw error
        }
        let isStopped = state.withLock { state in
            if case .stopped = state { return true }
            state = .listening(channel)
            return false
        }
        if isStopped { channel.close(promise: nil) }
        try await withTaskCancellationHandler {
            if !isStopped { await onListening(channel.localAddress?.port ?? 0) }
            try await channel.closeFuture.get()
            guard case .stopped = state.withLock({ $0 }) else { throw Front.ListeningEnded() }
            try await connections.allClosed.get()
        } onCancel: {
            stop()
        }
    }

    /// Accepts no more.
    func stop() {
        let before = state.withLock { state in
            defer { state = .stopped }
            return state
        }
        if case .listening(let channel) = before { channel.close(promise: nil) }
    }

    private func bind(_ loop: any EventLoop, _ connections: OpenConnections) -> EventLoopFuture<any Channel> {
        ServerBootstrap(group: loop, childGroup: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(connections)
                }
            }
            // A caller may close its side and still listen.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer(setUp)
            .bind(host: settings.host, port: settings.port)
    }
}

/// Counts the connections that a listening socket has accepted. At the limit no more are accepted until one has closed;
/// those that come meanwhile wait with the system. A socket accepts up to four at a time, so that three more may be open.
private final class OpenConnections: ChannelDuplexHandler, @unchecked Sendable {  // Confined to its loop.
    typealias InboundIn = any Channel
    typealias OutboundIn = Never

    private let limit: Int
    private let loop: any EventLoop
    private let ended: EventLoopPromise<Void>
    private var context: ChannelHandlerContext?
    private var count = 0
    /// Whether the next connection is to be accepted when there is room.
    private var isWaiting = false

    init(limit: Int, _ loop: any EventLoop) {
        self.limit = limit
        self.loop = loop
        ended = loop.makePromise()
    }

    /// When the listening socket and all connections are closed.
    var allClosed: EventLoopFuture<Void> { ended.futureResult }

    /// There will be no socket.
    func forget() {
        ended.succeed()
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        if count == 0 { ended.succeed() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        count += 1
        unwrapInboundIn(data).closeFuture.hop(to: loop).whenComplete { _ in self.closed() }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        if count < limit { context.read() } else { isWaiting = true }
    }

    private func closed() {
        loop.assertInEventLoop()
        count -= 1
        guard let context else {
            if count == 0 { ended.succeed() }
            return
        }
        guard isWaiting, count < limit else { return }
        isWaiting = false
        context.read()
    }
}
