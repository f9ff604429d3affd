import NIOCore
import NIOPosix
import Resilience
import Synchronization
import Testing
import Upstream

@testable import GatewayHTTP

/// A front with routes of a test's own.
enum FrontStage {
    /// Starts a front, lets `body` use its port, and stops it.
    static func run(
        _ entries: [RouteTable.Entry], _ settings: FrontSettings = FrontSettings(port: 0),
        accessLog: AccessLogOutlet? = nil, _ body: (Int) async throws -> Void
    ) async throws {
        // Loops of its own: others keep those that all share busy.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1), executors = LoopExecutors(group)
        let parts = Front.Parts(
            settings: settings, routes: RouteTable(entries, errors: .openAI),
            rules: { AccessRules(keys: KeyRing(administrator: nil, callers: [])) }, activity: FrontActivity(),
            time: TimeSource(), wallClock: { 0 }, accessLog: accessLog,
            entropy: randomBytes)
        let (ports, sender) = AsyncStream.makeStream(of: Int.self)
        let front = Front(parts, group: group, executor: { executors[$0] }) {
            sender.yield($0)
        }
        let running = Task {
            defer { sender.finish() }
            try await front.run()
        }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else {
            try await group.shutdownGracefully()
            return try await running.value
        }
        do { try await body(port) } catch {
            front.stop()
            try await group.shutdownGracefully()
            throw error
        }
        front.stop()
        try await running.value
        try await group.shutdownGracefully()
    }

    /// Random bytes of the system.
    @Sendable static func randomBytes(_ space: UnsafeMutableRawBufferPointer) {
        for index in space.indices { space[index] = .random(in: 0...255) }
    }

    /// Waits until a condition holds, at most half a minute.
    static func until(_ holds: () -> Bool) async throws -> Bool {
        let begun = ContinuousClock.now
        while !holds() {
            guard ContinuousClock.now - begun < .seconds(30) else { return false }
            try await Task.sleep(for: .milliseconds(5))
        }
        return true
    }
}

/// One connection to a front, and what came back by it.
final class FrontCaller: Sendable {
    private final class Reader: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        let text = Mutex("")
        let isClosed = Atomic(false)

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let part = String(buffer: unwrapInboundIn(data))
            text.withLock { $0 += part }
        }

        func channelInactive(context: ChannelHandlerContext) {
            isClosed.store(true, ordering: .releasing)
        }
    }

    private let reader: Reader
    private let channel: any Channel

    init(_ port: Int) async throws {
        let reader = Reader()
        self.reader = reader
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(reader)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    /// What has come back so far.
    var received: String { reader.text.withLock { $0 } }
    var isClosed: Bool { reader.isClosed.load(ordering: .acquiring) }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// Sends a request with a body, or with the beginning of one.
    func post(_ path: String, bytes: Int, of length: Int? = nil) async throws {
        try await send(
            "POST \(path) HTTP/1.1\r\nhost: localhost\r\ncontent-length: \(length ?? bytes)\r\n\r\n"
                + String(repeating: "a", count: bytes))
    }

    /// The status that comes back; nil if none does.
    func status() async throws -> Int? {
        guard try await FrontStage.until({ self.received.count > 12 || self.isClosed }) else { return nil }
        return Int(received.dropFirst("HTTP/1.1 ".count).prefix(3))
    }

    func close() async throws { try? await channel.close() }
}
