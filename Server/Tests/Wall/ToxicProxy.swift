import NIOCore
import NIOPosix
import Synchronization

/// A proxy between any two ends of TCP that spoils what passes, each direction in its own way.
public final class ToxicProxy: Sendable {
    /// What spoils one direction. Numbers of bytes are counted from the connection's beginning.
    public struct Toxics: Sendable, Hashable {
        /// How much later everything arrives.
        public var latency = Duration.zero
        /// How much later than that a piece may arrive, drawn evenly from the seed; pieces keep their order.
        public var jitter = Duration.zero
        /// How many bytes pass in a second; nil for all.
        public var bytesPerSecond: Int?
        /// How many bytes are sent at a time, and the pause after them.
        public var slices: Slices?
        /// After how many bytes both ends see a reset.
        public var resetAfter: Int?
        /// After how many bytes the receiver sees the end of this direction; the other one goes on.
        public var halfCloseAfter: Int?
        /// After how many bytes the connection is closed the usual way.
        public var limit: Int?
        /// Whether nothing passes, though the connection stays open.
        public var isFrozen = false

        /// The sizes and pauses of pieces.
        public struct Slices: Sendable, Hashable {
            /// The number of bytes at a time, from 1.
            public var bytes: Int
            /// The pause after them.
            public var pause: Duration

            /// Creates sizes and pauses of pieces.
            public init(_ bytes: Int, pause: Duration) {
                precondition(bytes > 0, "a slice of \(bytes) bytes: it must be at least 1")
                self.bytes = bytes
                self.pause = pause
            }
        }

        /// Nothing that spoils anything.
        public init() {}

        /// Creates toxics by changing none.
        public init(_ change: (inout Toxics) -> Void) { change(&self) }

        /// The most bytes that may be passed on at once, when so many have passed.
        func room(after passed: Int) -> Int {
            // A hundredth of a second's worth at a time keeps a narrow line even.
            let width = bytesPerSecond.map { max(1, $0 / 100) }
            let ends = [resetAfter, halfCloseAfter, limit].compactMap { $0.map { max(0, $0 - passed) } }
            return ([width, slices?.bytes].compactMap { $0 } + ends).min() ?? .max
        }

        /// How long nothing more may pass after so many bytes did.
        func pause(after bytes: Int) -> Duration {
            let narrow = bytesPerSecond.map { Duration.seconds(1) * bytes / max(1, $0) } ?? .zero
            return max(narrow, slices?.pause ?? .zero)
        }
    }

    /// The way that bytes take.
    public enum Direction: Sendable, CaseIterable {
        /// From who connected to the proxy.
        case forth
        /// From whom the proxy connected to.
        case back
    }

    /// What passed through all connections.
    public struct Passed: Sendable {
        /// How many connections were accepted.
        public var connections = 0
        /// How many bytes went either way.
        public var bytes: [Direction: Int] = [:]
    }

    private struct State {
        var target: Int
        var toxics: [Direction: Toxics] = [:]
        var passed = Passed()
        var waiting: [Direction: Int] = [:]
        var open: [Int: ToxicConnection] = [:]
    }

    private let seed: UInt64
    private let state: Mutex<State>
    private let listener = Mutex<(any Channel)?>(nil)

    /// Creates a proxy.
    ///
    /// - Parameters:
    ///   - port: The port on loopback that it connects to.
    ///   - seed: What jitter is drawn from; the same seed gives the n-th connection the same delays.
    public init(to port: Int, seed: UInt64 = 0) {
        state = Mutex(State(target: port))
        self.seed = seed
    }

    /// Begins to listen on loopback.
    ///
    /// - Returns: The port.
    @discardableResult
    public func start() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { [weak self] channel in
                guard let self else { return channel.close() }
                return self.accept(channel)
            }
            .bind(host: "127.0.0.1", port: 0).get()
        listener.withLock { $0 = channel }
        return channel.localAddress?.port ?? 0
    }

    deinit {
        listener.withLock { $0?.close(promise: nil) }
        for connection in state.withLock({ $0.open.values.map { $0 } }) { connection.drop() }
    }

    /// The toxics of a direction. A change holds for connections that are open from their next piece on.
    public subscript(direction: Direction) -> Toxics {
        get { state.withLock { $0.toxics[direction] ?? Toxics() } }
        set {
            let open = state.withLock { state in
                state.toxics[direction] = newValue
                return state.open.values.map { $0 }
            }
            for connection in open { connection.resume() }
        }
    }

    /// The port on loopback that new connections go to.
    public var target: Int {
        get { state.withLock { $0.target } }
        set { state.withLock { $0.target = newValue } }
    }

    /// What passed so far.
    public var passed: Passed { state.withLock { $0.passed } }

    /// How many connections are open.
    public var openConnections: Int { state.withLock { $0.open.count } }

    /// How many bytes of a direction are in the proxy's memory.
    public func waitingBytes(_ direction: Direction) -> Int {
        state.withLock { $0.waiting[direction] ?? 0 }
    }

    private func accept(_ caller: any Channel) -> EventLoopFuture<Void> {
        let number = state.withLock { state in
            defer { state.passed.connections += 1 }
            return state.passed.connections
        }
        let connection = ToxicConnection(self, number, seed: seed, caller)
        state.withLock { $0.open[number] = connection }
        let target = target
        return caller.eventLoop.makeCompletedFuture { try connection.attach(caller, .forth) }.map {
            ClientBootstrap(group: caller.eventLoop)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.autoRead, value: false)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try connection.attach(channel, .back) }
                }
                .connect(host: "127.0.0.1", port: target)
                .whenComplete { connection.connected($0) }
        }
    }

    func arrived(_ bytes: Int, _ direction: Direction) {
        state.withLock { $0.waiting[direction, default: 0] += bytes }
    }

    func passed(_ bytes: Int, _ direction: Direction) {
        state.withLock { state in
            state.passed.bytes[direction, default: 0] += bytes
            state.waiting[direction, default: 0] -= bytes
        }
    }

    func dropped(_ bytes: Int, _ direction: Direction) { arrived(-bytes, direction) }

    func closed(_ number: Int) { state.withLock { $0.open[number] = nil } }
}
