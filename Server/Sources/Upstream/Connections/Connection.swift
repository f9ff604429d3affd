import Generation
import HTTPMessage
import NIOCore
import NIOSSL
import NIOTLS

/// One connection to a host: connects, sends a request, reads its response, waits in the pool for the next.
///
/// The last handler of its channel's pipeline.
final class Connection: ChannelInboundHandler, @unchecked Sendable {  // Confined to its event loop.
    typealias InboundIn = ByteBuffer

    private enum State {
        /// Next: busy, when the connection can be used; closed.
        case connecting
        /// An exchange runs. Next: idle, when it is complete and the connection stays open; closed.
        case busy
        /// In the pool. Next: busy; closed.
        case idle(until: NIODeadline)
        case closed
    }

    /// How long a connection waits in the pool for its next request, unless the host says less. 30 s.
    private static let keepAlive = TimeAmount.seconds(30)

    private let pool: OriginPool
    private let wheel: TimerWheel
    private let isSecure: Bool
    private lazy var timer = DeadlineTimer { [weak self] in self?.timeIsUp() }
    private var state = State.connecting
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var parser: ResponseParser
    private var input = ByteBuffer()
    private var body = ByteBuffer()
    private var isPaused = false
    private var served = 0
    private var keepAlive = Connection.keepAlive
    /// The first error seen, which explains a close that follows.
    private var error: (any Error)?

    init(pool: OriginPool, wheel: TimerWheel) {
        self.pool = pool
        self.wheel = wheel
        isSecure = pool.origin.isSecure
        parser = ResponseParser(maximumHead: pool.maximumHead)
    }

    var loop: any EventLoop { pool.loop }
    private var now: NIODeadline { pool.loop.now }

    /// Whether a pooled connection can take a request.
    func isUsable(at now: NIODeadline) -> Bool {
        guard case .idle(let until) = state, let context else { return false }
        return context.channel.isActive && now < until
    }

    // MARK: Exchanges

    /// Runs an exchange; on a new connection it waits until that is ready.
    func begin(_ request: UpstreamRequest, at now: NIODeadline) -> Exchange {
        loop.assertInEventLoop()
        let exchange = Exchange(request, on: self, isReused: served > 0, at: now)
        self.exchange = exchange
        parser.reset()
        if case .idle = state { send(at: now) } else { deadlineMoved() }
        return exchange
    }

    private func send(at now: NIODeadline) {
        guard let exchange, let context else { return }
        state = .busy
        // A peer that closed before we could write took nothing of the request.
        guard context.channel.isActive else { return fail(.closedEarly, "closed before the request") }
        let (first, rest) = exchange.request.serialized()
        exchange.sending(at: now)
        guard let last = rest.last else {
            context.writeAndFlush(NIOAny(first), promise: nil)
            return sent(exchange, at: now)
        }
        // A long body takes its time; the wait for the head begins when the last byte has left.
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenSuccess { self.sent(exchange, at: self.now) }
        context.write(NIOAny(first), promise: nil)
        for part in rest.dropLast() { context.write(NIOAny(part), promise: nil) }
        context.writeAndFlush(NIOAny(last), promise: promise)
        deadlineMoved()
    }

    private func sent(_ exchange: Exchange, at now: NIODeadline) {
        // A write that fails at once has closed the connection and told the exchange.
        guard case .busy = state, self.exchange === exchange else { return }
        exchange.sent(at: now)
        deadlineMoved()
    }

    /// Sets the timer to the exchange's present deadline.
    func deadlineMoved() {
        if let exchange { wheel.arm(timer, at: exchange.deadline) }
    }

    private func timeIsUp() {
        switch state {
        case .connecting, .busy:
            guard let exchange else { return }
            if exchange.deadline > now { return wheel.arm(timer, at: exchange.deadline) }
            fail(.timedOut)
        case .idle: close()
        case .closed: break
        }
    }

    private func finishExchange(at now: NIODeadline) {
        guard let exchange else { return }
        self.exchange = nil
        served += 1
        resumeReading()
        let stays = !parser.closesConnection && input.readableBytes == 0 && context?.channel.isActive == true
        if stays {
            let end = now + keepAlive
            state = .idle(until: end)
            wheel.arm(timer, at: end)
            pool.giveBack(self)
        }
        exchange.complete()
        if !stays { close() }
    }

    private func fail(_ cause: UpstreamFailure.Cause, _ detail: String = "") {
        let exchange = self.exchange
        self.exchange = nil
        if let exchange { exchange.fail(exchange.failure(cause, detail)) }
        close()
    }

    /// Closes the connection at once.
    func close() {
        loop.assertInEventLoop()
        if case .closed = state { return }
        state = .closed
        wheel.remove(timer)
        pool.forget(self)
        context?.close(promise: nil)
    }

    /// The connection could not be made.
    func connectFailed(_ error: any Error) {
        let (cause, detail) = FailureCause.of(error)
        fail(cause, detail)
    }

    // MARK: Reading

    func resumeReading() {
        guard isPaused, let context else { return }
        isPaused = false
        _ = try? context.channel.syncOptions?.setOption(.autoRead, value: true)
    }

    private func pauseIfAhead() {
        guard !isPaused, let exchange, exchange.wantsPause, let context else { return }
        isPaused = true
        _ = try? context.channel.syncOptions?.setOption(.autoRead, value: false)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        pool.executor.collecting { read(bytes, at: now) }
        // Whoever waits has taken what they wanted by now.
        pauseIfAhead()
    }

    private func read(_ bytes: ByteBuffer, at now: NIODeadline) {
        guard let exchange else {
            // Bytes that nobody asked for: what they belong to cannot be known.
            return close()
        }
        if served == 0, exchange.bytesReceived == 0, Self.isHTTP2(bytes) {
            return fail(.onlyHTTP2, "it answered with a frame of HTTP/2")
        }
        exchange.received(bytes.readableBytes)
        input.addInput(bytes)
        do throws(MessageFault) {
            reading: while true {
                switch try parser.read(&input, into: &body) {
                case .needsMore: break reading
                case .head(let head): received(head, at: now)
                case .end:
                    guard flushBody(at: now) else { return }
                    return finishExchange(at: now)
                }
                if self.exchange == nil { return }
            }
        } catch {
            switch error {
            case .malformed(let what): return fail(.malformed, what)
            case .unknownVersion: return fail(.malformed, "not HTTP/1.1")
            case .headTooLarge: return fail(.headTooLarge)
            }
        }
        if input.readableBytes == 0 { input = ByteBuffer() }
        _ = flushBody(at: now)
    }

    /// No text begins like the first frame of HTTP/2: three bytes of a small length, then its type, which is SETTINGS.
    private static func isHTTP2(_ bytes: ByteBuffer) -> Bool {
        bytes.getInteger(at: bytes.readerIndex) == UInt8(0)
            && bytes.getInteger(at: bytes.readerIndex + 3) == UInt8(4)
    }

    /// Nobody is behind this handler.
    func channelReadComplete(context: ChannelHandlerContext) {}

    private func received(_ head: ResponseHead, at now: NIODeadline) {
        if let coding = head["content-encoding"], !coding.isEmpty, coding.lowercased() != "identity" {
            return fail(.compressed, String(coding.prefix(40)))
        }
        if let hint = head["keep-alive"], let seconds = KeepAliveField.timeout(hint) {
            // One second less, so that we are not the one who writes while the other side closes.
            keepAlive = min(Self.keepAlive, .seconds(Int64(max(0, seconds - 1))))
        }
        guard let exchange else { return }
        exchange.received(head, at: now)
        if !exchange.isReaderAway { deadlineMoved() }
    }

    /// Gives the bytes of this read to the exchange.
    private func flushBody(at now: NIODeadline) -> Bool {
        guard let exchange, body.readableBytes > 0 else { return true }
        var bytes = ByteBuffer()
        swap(&bytes, &body)
        do throws(UpstreamFailure) {
            try exchange.received(body: bytes, at: now)
        } catch {
            self.exchange = nil
            exchange.fail(error)
            close()
            return false
        }
        if !exchange.request.readerTellsProgress, !exchange.isReaderAway { deadlineMoved() }
        return true
    }

    // MARK: The channel's life

    // A host with several addresses gets a channel for each that is tried, and this handler is in all of them; the
    // first that becomes active is the connection, and what happens to the others means nothing.

    func handlerAdded(context: ChannelHandlerContext) {
        if self.context?.channel.isActive != true { self.context = context }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        if self.context === context { self.context = nil }
    }

    func channelActive(context: ChannelHandlerContext) {
        let isFirst = self.context === context || self.context?.channel.isActive != true
        guard case .connecting = state, isFirst else { return context.close(promise: nil) }
        self.context = context
        if !isSecure { ready() }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent { ready() }
        context.fireUserInboundEventTriggered(event)
    }

    private func ready() {
        guard case .connecting = state else { return }
        send(at: now)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard self.context === context else { return context.close(promise: nil) }
        if self.error == nil { self.error = error }
        // A peer that closes TLS without saying goodbye has closed, no more; whether the response was complete is told
        // by its framing.
        if case NIOSSLError.uncleanShutdown? = error as? NIOSSLError { return }
        let (cause, detail) = FailureCause.of(error)
        // The bytes of a response that arrived before the error are complete or not by themselves.
        _ = flushBody(at: now)
        fail(cause, detail)
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard self.context === context else { return context.fireChannelInactive() }
        _ = flushBody(at: now)
        if exchange != nil {
            if parser.endsWithConnection, error.map(FailureCause.isGoodbye) ?? true {
                finishExchange(at: now)
            } else if case .connecting = state {
                let (cause, detail) = error.map(FailureCause.of) ?? (.closedEarly, "closed while connecting")
                fail(cause, detail)
            } else {
                fail(.closedEarly, "closed before the response was complete")
            }
        }
        close()
        context.fireChannelInactive()
    }
}

/// The Keep-Alive field, in which a host says how long it keeps an idle connection.
enum KeepAliveField {
    /// The seconds in `timeout=5, max=100`.
    static func timeout(_ value: String) -> Int? {
        for part in value.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0].drop(while: { $0 == " " }).lowercased() == "timeout" {
                return Int(pair[1].prefix { $0.isNumber }).map { min($0, 86_400) }
            }
        }
        return nil
    }
}
