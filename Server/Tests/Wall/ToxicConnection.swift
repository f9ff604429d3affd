import Foundation
import NIOCore

/// One connection through a toxic proxy: two channels on one event loop, and what is on its way between them.
///
/// Everything but ``resume()`` and ``drop()`` happens on the loop.
final class ToxicConnection: @unchecked Sendable {  // confined to the event loop of both channels
    private weak var proxy: ToxicProxy?
    private let number: Int
    private let loop: any EventLoop
    private var ways: [ToxicProxy.Direction: Way] = [:]
    /// Before both ends are there nothing may pass.
    private var isConnected = false
    private var isOver = false

    init(_ proxy: ToxicProxy, _ number: Int, seed: UInt64, _ caller: any Channel) {
        self.proxy = proxy
        self.number = number
        loop = caller.eventLoop
        for direction in ToxicProxy.Direction.allCases {
            let mixed = seed &+ UInt64(number) &* 2 &+ (direction == .forth ? 0 : 1)
            ways[direction] = Way(Seeded(mixed &* 0x9E37_79B9_7F4A_7C15))
        }
    }

    /// What is on its way in one direction.
    private struct Way {
        var source: (any Channel)?
        var pieces: [(due: NIODeadline, bytes: ByteBuffer)] = []
        var waiting = 0
        var passed = 0
        /// When the last piece is due; none overtakes it.
        var lastDue = NIODeadline.uptimeNanoseconds(0)
        /// Before when nothing more may pass.
        var free = NIODeadline.uptimeNanoseconds(0)
        var hasEnded = false, isShut = false, isScheduled = false
        var chance: Seeded

        init(_ chance: Seeded) { self.chance = chance }
    }

    /// How many bytes may wait in one direction before its source is read no more.
    private static let capacity = 1 << 20

    func attach(_ channel: any Channel, _ direction: ToxicProxy.Direction) throws {
        ways[direction]?.source = channel
        try channel.pipeline.syncOperations.addHandler(Reader(self, direction))
    }

    func connected(_ result: Result<any Channel, any Error>) {
        // Who cannot be reached is told so in the only way that is left.
        guard case .success(let channel) = result else { return end(hard: true) }
        // The caller may have left meanwhile, when this end was not there yet to be closed.
        guard !isOver else { return channel.close(promise: nil) }
        isConnected = true
        for direction in ToxicProxy.Direction.allCases {
            setReading(direction, true)
            pump(direction)
        }
    }

    /// Looks again at what may pass, because the toxics have changed.
    func resume() { loop.execute { for direction in ToxicProxy.Direction.allCases { self.pump(direction) } } }

    /// Closes both ends.
    func drop() { loop.execute { self.end(hard: false) } }

    private func setReading(_ direction: ToxicProxy.Direction, _ reads: Bool) {
        _ = try? ways[direction]?.source?.syncOptions?.setOption(.autoRead, value: reads)
    }

    private func arrived(_ bytes: ByteBuffer, _ direction: ToxicProxy.Direction) {
        guard var way = ways[direction], !way.isShut, !isOver, let toxics = proxy?[direction] else { return }
        let late = toxics.latency + toxics.jitter * way.chance.fraction()
        way.lastDue = max(way.lastDue, .now() + TimeAmount(late))
        way.pieces.append((way.lastDue, bytes))
        way.waiting += bytes.readableBytes
        proxy?.arrived(bytes.readableBytes, direction)
        ways[direction] = way
        if way.waiting > Self.capacity { setReading(direction, false) }
        pump(direction)
    }

    private func ended(_ direction: ToxicProxy.Direction) {
        guard var way = ways[direction], !way.hasEnded, let toxics = proxy?[direction] else { return }
        // An end is as late as the bytes before it.
        way.hasEnded = true
        way.lastDue = max(way.lastDue, .now() + TimeAmount(toxics.latency))
        ways[direction] = way
        pump(direction)
    }

    /// Passes on what is due.
    private func pump(_ direction: ToxicProxy.Direction) {
        guard isConnected, !isOver, let proxy, let sink = sink(direction) else { return }
        let toxics = proxy[direction]
        while var way = ways[direction], !way.isShut, !toxics.isFrozen, !isOver {
            if cut(direction, toxics, way.passed) { return }
            guard !way.pieces.isEmpty else { return finish(direction, way, sink) }
            guard sink.isWritable else { return }
            let due = max(way.pieces[0].due, way.free)
            guard due <= .now() else { return schedule(direction, at: due) }
            let count = min(way.pieces[0].bytes.readableBytes, toxics.room(after: way.passed))
            guard let slice = way.pieces[0].bytes.readSlice(length: count) else { return }
            if way.pieces[0].bytes.readableBytes == 0 { way.pieces.removeFirst() }
            way.waiting -= count
            way.passed += count
            way.free = max(way.free, .now() - .milliseconds(20)) + TimeAmount(toxics.pause(after: count))
            if let pause = toxics.slices?.pause { way.free = max(way.free, .now() + TimeAmount(pause)) }
            ways[direction] = way
            if way.waiting <= Self.capacity / 2 { setReading(direction, true) }
            proxy.passed(count, direction)
            sink.writeAndFlush(slice, promise: nil)
        }
    }

    /// Ends what has to end after so many bytes.
    ///
    /// - Returns: Whether nothing more passes in this direction.
    private func cut(_ direction: ToxicProxy.Direction, _ toxics: ToxicProxy.Toxics, _ passed: Int) -> Bool {
        if let most = toxics.resetAfter, passed >= most {
            end(hard: true)
        } else if let most = toxics.limit, passed >= most {
            end(hard: false)
        } else if let most = toxics.halfCloseAfter, passed >= most {
            shut(direction)
        } else {
            return false
        }
        return true
    }

    private func finish(_ direction: ToxicProxy.Direction, _ way: Way, _ sink: any Channel) {
        guard way.hasEnded else { return }
        guard way.lastDue <= .now() else { return schedule(direction, at: way.lastDue) }
        shut(direction)
    }

    /// Tells the receiver of a direction that nothing more comes, and throws away what still does.
    private func shut(_ direction: ToxicProxy.Direction) {
        ways[direction]?.isShut = true
        discard(direction)
        sink(direction)?.close(mode: .output, promise: nil)
        setReading(direction, true)
        if ways.values.allSatisfy(\.isShut) { end(hard: false) }
    }

    private func discard(_ direction: ToxicProxy.Direction) {
        proxy?.dropped(ways[direction]?.waiting ?? 0, direction)
        ways[direction]?.pieces = []
        ways[direction]?.waiting = 0
    }

    private func sink(_ direction: ToxicProxy.Direction) -> (any Channel)? {
        ways[direction == .forth ? .back : .forth]?.source
    }

    private func schedule(_ direction: ToxicProxy.Direction, at due: NIODeadline) {
        guard ways[direction]?.isScheduled == false else { return }
        ways[direction]?.isScheduled = true
        loop.assumeIsolated().scheduleTask(deadline: due) {
            self.ways[direction]?.isScheduled = false
            self.pump(direction)
        }
    }

    private func end(hard: Bool) {
        guard !isOver else { return }
        isOver = true
        for direction in ToxicProxy.Direction.allCases { discard(direction) }
        proxy?.closed(number)
        for way in ways.values {
            if hard {
                _ = (way.source as? any SocketOptionProvider)?
                    .setSoLinger(linger(l_onoff: 1, l_linger: 0))
            }
            way.source?.close(promise: nil)
        }
    }

    /// Hands what comes on one channel to the connection.
    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let connection: ToxicConnection
        private let direction: ToxicProxy.Direction

        init(_ connection: ToxicConnection, _ direction: ToxicProxy.Direction) {
            self.connection = connection
            self.direction = direction
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            connection.arrived(unwrapInboundIn(data), direction)
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed? = event as? ChannelEvent { connection.ended(direction) }
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            connection.pump(direction == .forth ? .back : .forth)
        }

        // A reset passes at once and through whatever is on its way, as on a real line.
        func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.end(hard: true) }

        func channelInactive(context: ChannelHandlerContext) { connection.end(hard: false) }
    }
}

extension TimeAmount {
    fileprivate init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
