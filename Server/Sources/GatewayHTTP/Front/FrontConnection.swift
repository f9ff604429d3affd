import Gateway
import Generation
import HTTPMessage
import NIOCore
import Resilience

/// One caller's connection: reads a request, runs its route, writes the reply, goes on with the next.
///
/// The only handler of its channel's pipeline; HTTP is read and written here.
final class FrontConnection: ChannelInboundHandler, @unchecked Sendable {  // Confined to its event loop.
    typealias InboundIn = ByteBuffer

    private enum State {
        /// Waiting for a request's head. Next: body, closing.
        case idle
        /// Reading a request's body. Next: serving, closing.
        case body
        /// A route runs. Next: idle, when its reply has ended; closing.
        case serving
        /// The last reply is on its way out. Next: closed.
        case closing
        case closed
    }

    /// The bytes that are read ahead of their turn.
    private static let maximumAhead = 64 * 1024
    private static let interim = ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")

    private let front: FrontContext
    private let address: String
    private var state = State.idle
    private var context: ChannelHandlerContext?
    private var parser = RequestParser()
    private var lastKey = PresentedKey()
    private var input = ByteBuffer()
    private var body = ByteBuffer()
    private var current: AdmittedRequest?
    private var reply: ConnectionReply?
    private var task: Task<Void, Never>?
    /// Ends what the task waits for, when it is cancelled.
    private var cancellation: CancellationToken?
    private var isPaused = false
    private var inputClosed = false
    /// Whether all that was written before the output was closed has left.
    private var isFlushed = true
    private var writeWaiter: UnsafeContinuation<Void, Never>?
    /// Where the connection stands in its loop's sweep.
    var sweepIndex = 0
    /// When the first byte of the present head came; nil while none has.
    private var headSince: NIODeadline?
    /// When the connection last began to wait, for a request or for its end.
    private var waitingSince: NIODeadline
    private var blockedSince: NIODeadline?

    init(_ front: FrontContext, address: String) {
        self.front = front
        self.address = address
        waitingSince = front.loop.now
    }

    /// Costs nothing in a release build.
    func assertInEventLoop() {
        front.loop.assertInEventLoop()
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        assertInEventLoop()
        input.addInput(unwrapInboundIn(data))
        switch state {
        case .idle, .body: readOn()
        case .serving: if input.readableBytes > Self.maximumAhead { setReading(false) }
        case .closing, .closed: input = ByteBuffer()
        }
    }

    /// Reads requests from what has come, until one has to be served or more is needed.
    private func readOn() {
        do throws(MessageFault) {
            while input.readableBytes > 0 || state == .body {
                if state == .idle {
                    guard let head = try parser.readHead(&input) else {
                        if headSince == nil { headSince = front.loop.now }
                        return
                    }
                    begin(head)
                }
                guard state == .body else { return }
                let before = body.readableBytes
                let isComplete = try parser.readBody(&input, into: &body)
                guard hasRoom(for: body.readableBytes - before) else { return }
                guard isComplete else { return }
                serve()
                if state == .serving { return }
            }
        } catch {
            refuse(error)
        }
        if input.readableBytes == 0 { input = ByteBuffer() }
    }

    private func begin(_ head: RequestHead) {
        headSince = nil
        let admitted: Admission.Admitted
        do throws(Refusal) {
            admitted = try front.admission.admit(head, by: front.rules(), lastKey: &lastKey)
        } catch {
            return refuse(error, head)
        }
        current = AdmittedRequest(
            head, admitted, arrivedAt: front.time.now, pace: BodyPace(at: front.loop.now),
            hold: BodyHold(address: address, key: admitted.caller.name))
        state = .body
        if head.isHTTP11, head.fields.value(of: "expect", hasPrefix: "100-continue"), input.readableBytes == 0
        {
            context?.writeAndFlush(NIOAny(Self.interim), promise: nil)
        }
    }

    /// Whether there is room for so many more bytes of the body; false after a refusal was written.
    private func hasRoom(for bytes: Int) -> Bool {
        guard bytes > 0, let current else { return true }
        if body.readableBytes > current.entry.maximumBody {
            refuse(current.entry.tooLarge)
            return false
        }
        if let full = current.hold(bytes, of: front.bodies) {
            refuse(.tooManyBodies(full))
            return false
        }
        return true
    }

    private func setReading(_ reads: Bool) {
        guard isPaused == reads, let context else { return }
        isPaused = !reads
        _ = try? context.channel.syncOptions?.setOption(.autoRead, value: reads)
    }

    // MARK: Serving

    private func serve() {
        // Whoever asks here has a request; without one nobody would ever end this connection.
        guard let current else { return closeAfterWriting() }
        let keepsAlive = current.head.keepsAlive && !front.isDraining
        let reply = ConnectionReply(
            self, id: front.nextRequestID(), allowedOrigin: current.allowedOrigin, keepsAlive: keepsAlive,
            isHead: current.head.isMethod("HEAD"), chunked: current.head.isHTTP11)
        self.reply = reply
        let cancellation = CancellationToken(coversTask: true)
        self.cancellation = cancellation
        state = .serving
        let exchange = Exchange(
            id: reply.id, head: current.head, body: body, caller: current.caller,
            arrivedAt: current.arrivedAt, reply: reply, spawner: front.spawner, cancellation: cancellation)
        body = ByteBuffer()
        front.began()
        // The route has the body until it returns, even if the caller leaves before.
        let hold = current.hold.take()
        let task = Task.immediate(executorPreference: front.executor) {
            await current.entry.run(exchange)
            self.finished(reply, current, hold)
        }
        if self.reply === reply { self.task = task } else { task.cancel() }
    }

    /// The route has returned.
    private func finished(_ reply: ConnectionReply, _ request: AdmittedRequest, _ hold: BodyHold?) {
        assertInEventLoop()
        if let hold { front.bodies.giveBack(hold) }
        front.ended(reply, request, from: address)
        guard self.reply === reply, state == .serving else { return }
        endRequest()
        guard reply.isComplete, reply.keepsAlive, !inputClosed else { return closeAfterWriting() }
        state = .idle
        waitingSince = front.loop.now
        setReading(true)
        // What was read ahead waits for a turn of its own, so that no chain of requests can grow the stack.
        if input.readableBytes > 0 { front.loop.execute { if self.state == .idle { self.readOn() } } }
    }

    /// Forgets the request and gives back what its body holds, unless its route has it.
    private func endRequest() {
        if let hold = current?.hold { front.bodies.giveBack(hold) }
        body = ByteBuffer()
        current = nil
        reply = nil
        task = nil
        cancellation = nil
    }

    private func refuse(_ fault: MessageFault) {
        switch fault {
        case .headTooLarge: refuse(Refusal(431, "head_too_large", "the request's head is too large"))
        case .unknownVersion:
            refuse(Refusal(505, "unknown_version", "only HTTP/1.1 and HTTP/1.0 are spoken here"))
        case .malformed(let what): refuse(Refusal(400, "bad_request", "this is no HTTP request: \(what)"))
        }
    }

    /// Writes a refusal and closes the connection: what follows the request's head cannot be trusted or is not wanted.
    ///
    /// - Parameter head: The request's head, if it was read but nothing of its body.
    private func refuse(_ refusal: Refusal, _ head: RequestHead? = nil) {
        guard state != .closed, let context else { return }
        let origin = refusal.allowedOrigin ?? current?.allowedOrigin
        let id = front.nextRequestID(),
            (bytes, length) = refusal.reply(
                id: id, date: front.date, allowedOrigin: origin,
                shape: refusal.shape ?? current?.entry.errors ?? front.admission.errors)
        front.refused(
            AccessLine(
                id: id, head: head ?? current?.head, status: refusal.status, code: refusal.code,
                bytes: length, from: address, duration: timeSpent))
        endRequest()
        input = ByteBuffer()
        // A write that fails reads what is left and closes the connection, all before it returns: nothing of that is a
        // request any more.
        state = .closing
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        closeAfterWriting()
    }

    /// How long the request has been read.
    private var timeSpent: Duration {
        if let current { return front.time.now.since(current.arrivedAt) }
        return headSince.map { .nanoseconds((front.loop.now - $0).nanoseconds) } ?? .zero
    }

    /// Closes the connection's output, and the rest soon after, so that the caller can read the reply even if it still
    /// sends.
    private func closeAfterWriting() {
        guard state != .closed, let context else { return }
        state = .closing
        waitingSince = front.loop.now
        setReading(true)
        // The time to read the rest begins when all of it has left; until then the caller has the time for writing.
        isFlushed = false
        context.close(mode: .output).whenComplete { _ in
            self.isFlushed = true
            self.waitingSince = self.front.loop.now
        }
        if inputClosed { context.close(promise: nil) }
    }

    // MARK: Writing

    var isOpen: Bool { state == .serving && context?.channel.isActive ?? false }
    var date: ByteBuffer { front.date }
    var drains: Bool { front.isDraining }

    /// Writes bytes of a reply; suspends while the caller does not take them.
    func write(_ bytes: ByteBuffer) async throws(CallerLeft) {
        assertInEventLoop()
        guard isOpen, let context else { throw CallerLeft() }
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        // A write that fails closes the connection at once: whoever waited after that would wait for ever.
        guard isOpen else { throw CallerLeft() }
        guard !context.channel.isWritable else { return }
        blockedSince = front.loop.now
        await withUnsafeContinuation { writeWaiter = $0 }
        blockedSince = nil
        guard isOpen else { throw CallerLeft() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { resumeWriter() }
    }

    private func resumeWriter() {
        writeWaiter?.resume()
        writeWaiter = nil
    }

    // MARK: The channel's life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        front.sweep.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        left()
        self.context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            inputClosed = true
            callerClosedItsSide(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// A caller that closed its side may have left, or may still listen, which TCP does not tell apart. Sending it
    /// something that changes nothing makes the system of one that has left say so.
    private func callerClosedItsSide(_ context: ChannelHandlerContext) {
        guard state == .serving, let reply else { return context.close(promise: nil) }
        probe(reply, again: .milliseconds(250))
    }

    /// Sends a caller that closed its side something harmless, and does so again, ever more rarely, for as long as it is
    /// served: it may also leave later. Callers of HTTP/1.0 know nothing that could be sent before their reply.
    private func probe(_ reply: ConnectionReply, again pause: TimeAmount) {
        guard state == .serving, self.reply === reply, let context else { return }
        if let comment = reply.harmlessPart {
            context.writeAndFlush(NIOAny(comment), promise: nil)
        } else if !reply.hasBegun, current?.head.isHTTP11 == true {
            context.writeAndFlush(NIOAny(Self.interim), promise: nil)
        }
        let next = min(pause + pause, .seconds(30))
        front.loop.scheduleTask(in: pause) { [weak self] in self?.probe(reply, again: next) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        left()
        context.fireChannelInactive()
    }

    private func left() {
        assertInEventLoop()
        if state == .closed { return }
        state = .closed
        front.sweep.remove(self)
        front.connections.close(address)
        task?.cancel()
        cancellation?.cancel()
        endRequest()
        input = ByteBuffer()
        resumeWriter()
    }

    // MARK: Time

    /// Closes the connection if it has outstayed a limit. Called about once a second.
    func check(at now: NIODeadline) {
        assertInEventLoop()
        let settings = front.settings
        switch state {
        case .idle:
            if let since = headSince {
                if now - since > settings.headTime.amount {
                    refuse(Refusal(408, "head_timeout", "the request's head took too long"))
                }
            } else if now - waitingSince > (front.isDraining ? .seconds(1) : settings.idleTime.amount) {
                context?.close(promise: nil)
            }
        case .body:
            if let fault = current?.pace.check(at: now, received: body.readableBytes, settings) {
                refuse(.bodyTimeout(fault, settings))
            }
        case .serving:
            if let since = blockedSince, now - since > settings.writeTime.amount {
                context?.close(promise: nil)
            }
        case .closing:
            if now - waitingSince > (isFlushed ? .seconds(2) : settings.writeTime.amount) {
                context?.close(promise: nil)
            }
        case .closed: break
        }
    }

    /// Ends the connection at the end of a shutdown.
    func abandon() {
        assertInEventLoop()
        context?.close(promise: nil)
    }
}

extension Duration {
    /// The duration for NIO, of at most a day.
    var amount: TimeAmount {
        let (seconds, attoseconds) = components
        guard seconds < 86_400 else { return .hours(24) }
        return .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
