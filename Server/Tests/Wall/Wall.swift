import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A provider under a test's control, down to the byte: it plays a script for each request and keeps a ledger
/// of every connection, request and time.
public final class Wall: Sendable {
    /// One thing to do on a connection.
    public enum Act: Sendable, CustomStringConvertible {
        /// Sends bytes at once.
        case send([UInt8])
        /// Waits.
        case wait(Duration)
        /// Waits until a condition holds that a test brings about.
        case waitUntil(@Sendable () -> Bool)
        /// Closes the sending side, then the rest when the peer has.
        case finish
        /// Closes hard, so that the peer sees a reset.
        case reset
        /// Sends the same bytes again and again, as fast as they are taken.
        case flood([UInt8], times: Int)
        /// Does nothing more; the connection stays open.
        case hang
        /// Reads no more from the connection, so that what is sent to it stays in the system's buffers.
        case stopReading

        /// Sends a text.
        public static func text(_ text: String) -> Act { .send(Array(text.utf8)) }

        /// Short, since a test's name shows its arguments.
        public var description: String {
            switch self {
            case .send(let bytes): "send \(bytes.count) bytes"
            case .wait(let time): "wait \(time)"
            case .waitUntil: "wait until"
            case .flood(let bytes, let times): "send \(bytes.count) bytes \(times) times"
            case .finish: "finish"
            case .reset: "reset"
            case .hang: "hang"
            case .stopReading: "stop reading"
            }
        }
    }

    /// A request as it arrived.
    public struct Call: Sendable {
        /// Counted from 0 over the whole wall.
        public var number: Int
        /// The connection it came on, counted from 0.
        public var connection: Int
        /// Its place on that connection, counted from 0.
        public var onConnection: Int
        /// Its first line and fields.
        public var head: String
        /// Its body.
        public let body: String
        /// The model that is asked for.
        public let model: String
        /// Whether a stream is asked for.
        public let streams: Bool
        /// Whether a stream is to tell its usage.
        public let wantsUsage: Bool
        /// The text of the member `user`, by which a test tells its requests apart.
        public let user: String
        /// When its last byte had arrived.
        public var at: ContinuousClock.Instant
        /// Whether a whole answer was sent, which is when a provider charges for it.
        public var isCharged = false

        /// The value of a field, by its lower-case name.
        public func field(_ name: String) -> String? {
            for line in head.split(separator: "\r\n").dropFirst() {
                let pair = line.split(separator: ":", maxSplits: 1)
                guard pair.count == 2, pair[0].lowercased() == name else { continue }
                return pair[1].trimmingCharacters(in: .whitespaces)
            }
            return nil
        }

        /// Reads the body once: tests with thousands of calls ask for what it says again and again.
        init(
            number: Int, connection: Int, onConnection: Int, head: String, body: String,
            at: ContinuousClock.Instant
        ) {
            self.number = number
            self.connection = connection
            self.onConnection = onConnection
            self.head = head
            self.body = body
            self.at = at
            let members = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
            model = members?["model"] as? String ?? ""
            streams = members?["stream"] as? Bool ?? false
            let options = members?["stream_options"] as? [String: Any]
            wantsUsage = options?["include_usage"] as? Bool ?? false
            user = members?["user"] as? String ?? ""
        }
    }

    /// What happened on a connection.
    public struct Line: Sendable {
        /// When it was accepted.
        public var openedAt: ContinuousClock.Instant
        /// When it ended, whoever ended it.
        public var closedAt: ContinuousClock.Instant?
        /// What the peer sent.
        public var bytesReceived = 0
        /// What the wall sent; some of it may never have arrived.
        public var bytesSent = 0
        /// How many whole requests that was.
        public var requests = 0
        /// Whether the peer closed it, not the wall.
        public var closedByPeer = false
    }

    /// What happened in all.
    public struct Ledger: Sendable {
        /// The connections, in the order in which they were accepted.
        public var lines: [Line] = []
        /// The requests, in the order in which they were complete.
        public var calls: [Call] = []

        /// The connections that have not ended.
        public var openLines: Int { lines.count { $0.closedAt == nil } }
    }

    private let ledgerBox = Mutex(Ledger())
    private let onConnect: @Sendable (Int) -> [Act]?
    private let script: @Sendable (Call) -> [Act]
    private let listener = Mutex<(any Channel)?>(nil)
    /// Holds the port after the wall has stopped.
    private let stopped = Mutex<DeafListener?>(nil)

    /// Creates a wall.
    ///
    /// - Parameters:
    ///   - onConnect: What to do as soon as a connection is accepted, before anything is read; nil to read
    ///     requests.
    ///   - script: What to do for a request.
    public init(
        onConnect: @escaping @Sendable (Int) -> [Act]? = { _ in nil },
        _ script: @escaping @Sendable (Call) -> [Act]
    ) {
        self.onConnect = onConnect
        self.script = script
    }

    /// Begins to listen on loopback.
    ///
    /// - Parameter certificate: The PEM files of a certificate and its key, to speak TLS.
    /// - Returns: The port.
    @discardableResult
    public func start(port: Int = 0, certificate: (chain: String, key: String)? = nil) async throws -> Int {
        let tls = try certificate.map { files in
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: NIOSSLCertificate.fromPEMFile(files.chain).map { .certificate($0) },
                    privateKey: .privateKey(NIOSSLPrivateKey(file: files.key, format: .pem))))
        }
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [weak self] channel in
                guard let self else { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    try channel.pipeline.syncOperations.addHandler(WallConnection(self))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        stopped.withLock { $0 = nil }
        listener.withLock { $0 = channel }
        return channel.localAddress?.port ?? 0
    }

    deinit { listener.withLock { $0?.close(promise: nil) } }

    /// Stops listening; connections that are open stay so.
    public func stop() async throws {
        let channel = listener.withLock { listener in
            defer { listener = nil }
            return listener
        }
        let port = channel?.localAddress?.port ?? 0
        try await channel?.close()
        let reserved = try DeafListener(refusingOn: port)
        stopped.withLock { $0 = reserved }
    }

    /// What happened so far.
    public var ledger: Ledger { ledgerBox.withLock { $0 } }

    fileprivate func opened() -> Int {
        ledgerBox.withLock { ledger in
            ledger.lines.append(Line(openedAt: .now))
            return ledger.lines.count - 1
        }
    }

    fileprivate func greeting(_ connection: Int) -> [Act]? { onConnect(connection) }

    fileprivate func received(_ bytes: Int, on connection: Int) {
        ledgerBox.withLock { $0.lines[connection].bytesReceived += bytes }
    }

    fileprivate func sent(_ bytes: Int, on connection: Int) {
        ledgerBox.withLock { $0.lines[connection].bytesSent += bytes }
    }

    fileprivate func charged(_ call: Int) { ledgerBox.withLock { $0.calls[call].isCharged = true } }

    fileprivate func called(_ head: String, _ body: String, on connection: Int) -> (Int, [Act]) {
        let call = ledgerBox.withLock { ledger in
            let call = Call(
                number: ledger.calls.count, connection: connection,
                onConnection: ledger.lines[connection].requests, head: head, body: body, at: .now)
            ledger.calls.append(call)
            ledger.lines[connection].requests += 1
            return call
        }
        return (call.number, script(call))
    }

    fileprivate func closed(_ connection: Int, byPeer: Bool) {
        ledgerBox.withLock { ledger in
            guard ledger.lines[connection].closedAt == nil else { return }
            ledger.lines[connection].closedAt = .now
            ledger.lines[connection].closedByPeer = byPeer
        }
    }
}

/// One connection of a wall.
private final class WallConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer

    private let wall: Wall
    private var number = 0
    private var input = ByteBuffer()
    private var head: (String, Int)?
    private var isBusy = false
    /// The request that is being answered, until the answer is charged.
    private var call: (number: Int, meter: ChargeMeter)?
    private var closesItself = false
    private var flood: (bytes: ByteBuffer, times: Int, rest: ArraySlice<Wall.Act>)?
    private var context: ChannelHandlerContext?

    init(_ wall: Wall) {
        self.wall = wall
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        number = wall.opened()
        if let acts = wall.greeting(number) {
            isBusy = true
            perform(acts[...])
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        wall.received(bytes.readableBytes, on: number)
        input.writeBuffer(&bytes)
        next()
    }

    private func next() {
        guard !isBusy, let (head, body) = takeRequest() else { return }
        isBusy = true
        let (call, acts) = wall.called(head, body, on: number)
        self.call = (call, ChargeMeter())
        perform(acts[...])
    }

    private func takeRequest() -> (String, String)? {
        guard let (head, length) = takeHead(), input.readableBytes >= length else { return nil }
        self.head = nil
        return (head, input.readString(length: length) ?? "")
    }

    /// The head of the request that is being read and the length of its body; it is looked for only once.
    private func takeHead() -> (String, Int)? {
        if let head { return head }
        let text = String(buffer: input)
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let head = String(text[..<end.lowerBound])
        var length = 0
        for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix("content-length:") {
            length = Int(line.dropFirst(15).trimmingCharacters(in: .whitespaces)) ?? 0
        }
        input.moveReaderIndex(forwardBy: head.utf8.count + 4)
        self.head = (head, length)
        return (head, length)
    }

    /// Plays a script; a loop, since a script that sends each byte by itself has tens of thousands of acts.
    private func perform(_ acts: ArraySlice<Wall.Act>) {
        var rest = acts
        while let act = rest.popFirst() {
            if !perform(act, before: rest) { return }
        }
        isBusy = false
        next()
    }

    /// Plays one act.
    ///
    /// - Returns: Whether the rest is to be played at once; otherwise this act sees to it, or it is never played.
    private func perform(_ act: Wall.Act, before rest: ArraySlice<Wall.Act>) -> Bool {
        guard let context else { return false }
        switch act {
        case .send(let bytes):
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
            account(for: bytes)
            return true
        case .wait(let duration):
            let (seconds, attoseconds) = duration.components
            let amount = TimeAmount.nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
            context.eventLoop.assumeIsolated().scheduleTask(in: amount) { self.perform(rest) }
        case .waitUntil(let holds):
            if holds() { return true }
            context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(2)) {
                self.perform([act] + rest)
            }
        case .flood(let bytes, let times):
            flood = (ByteBuffer(bytes: bytes), times, rest)
            pour()
        case .finish:
            closesItself = true
            context.close(mode: .output, promise: nil)
        case .reset:
            closesItself = true
            _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            context.close(promise: nil)
        case .hang: break
        case .stopReading:
            _ = try? context.channel.syncOptions?.setOption(.autoRead, value: false)
            return true
        }
        return false
    }

    private func account(for bytes: [UInt8]) {
        wall.sent(bytes.count, on: number)
        guard let number = call?.number, call?.meter.completes(bytes) ?? false else { return }
        wall.charged(number)
        call = nil
    }

    /// Sends what a flood holds until the connection takes no more for now.
    private func pour() {
        guard let context, let flood else { return }
        var left = flood.times
        while left > 0, context.channel.isWritable {
            context.write(NIOAny(flood.bytes), promise: nil)
            wall.sent(flood.bytes.readableBytes, on: number)
            left -= 1
            if left % 16 == 0 { context.flush() }
        }
        context.flush()
        self.flood = left > 0 ? (flood.bytes, left, flood.rest) : nil
        if left == 0 { perform(flood.rest) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // Not at once: a flood must not keep the loop from others.
        context.eventLoop.assumeIsolated().execute { self.pour() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            wall.closed(number, byPeer: !closesItself)
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        wall.closed(number, byPeer: !closesItself)
        self.context = nil
    }
}
