import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Wall

/// What came on a socket, and when.
struct Received: Sendable {
    var bytes: [UInt8] = []
    /// The size of each piece as it was read, and when.
    var pieces: [(size: Int, at: ContinuousClock.Instant)] = []
    var endedAt: ContinuousClock.Instant?
    var wasReset = false
}

/// A socket whose every event is written down.
final class Probe: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let box = Mutex(Received())
    private let channelBox = Mutex<(any Channel)?>(nil)
    private let answers: [UInt8]

    /// Creates a probe that sends `answers` as soon as it is connected.
    init(answers: [UInt8] = []) { self.answers = answers }

    var received: Received { box.withLock { $0 } }

    /// Connects to a port.
    static func connect(_ port: Int) async throws -> Probe {
        let probe = Probe()
        _ = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { $0.pipeline.addHandler(probe) }
            .connect(host: "127.0.0.1", port: port).get()
        return probe
    }

    func send(_ bytes: [UInt8]) async throws {
        try await channelBox.withLock { $0 }?.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    /// Closes the sending side.
    func finish() async throws { try await channelBox.withLock { $0 }?.close(mode: .output) }

    func close() { channelBox.withLock { $0?.close(promise: nil) } }

    /// Waits until `isEnough`, for two seconds at most.
    @discardableResult
    func wait(_ limit: Duration = .seconds(2), _ isEnough: (Received) -> Bool) async throws -> Received {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline, !isEnough(received) {
            try await Task.sleep(for: .milliseconds(2))
        }
        return received
    }

    // Who connects may be told so before the channel says that it is active.
    func handlerAdded(context: ChannelHandlerContext) { channelBox.withLock { $0 = context.channel } }

    func channelActive(context: ChannelHandlerContext) {
        if !answers.isEmpty { context.writeAndFlush(NIOAny(ByteBuffer(bytes: answers)), promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        box.withLock { received in
            received.bytes += bytes.readableBytesView
            received.pieces.append((bytes.readableBytes, .now))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { ended() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if (error as? IOError)?.errnoCode == ECONNRESET { box.withLock { $0.wasReset = true } }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        channelBox.withLock { $0 = nil }
    }

    private func ended() {
        box.withLock { received in
            if received.endedAt == nil { received.endedAt = .now }
        }
    }
}

/// Two ends and a toxic proxy between them.
struct Circuit {
    let proxy: ToxicProxy
    let caller: Probe
    let server: Probe
    private let listener: any Channel

    /// Connects both ends through a proxy.
    ///
    /// - Parameter answers: What the server sends at once.
    init(answers: [UInt8] = [], seed: UInt64 = 1, _ toxics: (ToxicProxy) -> Void = { _ in }) async throws {
        let server = Probe(answers: answers)
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { $0.pipeline.addHandler(server) }
            .bind(host: "127.0.0.1", port: 0).get()
        proxy = ToxicProxy(to: listener.localAddress?.port ?? 0, seed: seed)
        toxics(proxy)
        caller = try await Probe.connect(proxy.start())
        self.server = server
    }

    /// Closes everything.
    func end() async throws {
        caller.close()
        server.close()
        try await listener.close()
    }
}
