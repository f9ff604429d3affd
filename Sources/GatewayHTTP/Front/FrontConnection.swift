import Gateway
import Generation
import HTTPTypes
import NIOCore
import NIOHTTP1
import Resilience

/// One caller's connection: reads a request, runs its route, writes the reply, goes on with the next.
///
/// The last handler of its channel's pipeline; HTTP is decoded before it and encoded by it.
final class FrontConnection: ChannelInboundHandler, @unchecked Sendable {  // Confined to its event loop.
    typealias InboundIn = HTTPServerRequestPart

    private enum State {
        /// Waiting for a request's head. Next: body, serving, closing.
        case idle
        /// Reading a request's body. Next: serving, closing.
        case body(Incoming)
        /// A route runs. Next: idle, when its reply has ended; closing.
        case serving(Serving)
        /// The last reply is on its way out. Next: closed.
        case closing
        case closed
    }

    /// A request whose body is still to come.
    private struct Incoming {
        var head: RequestHead
        var entry: RouteTable.Entry
        var caller: Caller
        var arrivedAt: Instant
        var since: NIODeadline
        var keepsAlive: Bool
        var version: HTTPVersion
        var body = ByteBuffer()

        mutating func take(_ bytes: ByteBuffer) {
            if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
        }
    }

    /// A request whose route runs.
    private struct Serving {
        var reply: ConnectionReply
        var task: Task<Void, Never>?
        var bodyBytes: Int
        var version: HTTPVersion
        /// Whether the caller closed its side, and was sent something to find out whether it still listens.
        var probed = false
    }

    /// Requests that are read ahead of their turn.
    private static let maximumPipelined = 64

    private let front: FrontContext
    private let address: String
    private var state = State.idle
    private var context: ChannelHandlerContext?
    private var pipelined: [HTTPServerRequestPart] = []
    private var isPaused = false
    private var inputClosed = false
    private var writeWaiter: UnsafeContinuation<Void, Never>?
    /// Where the connection stands in its loop's sweep.
    var sweepIndex = 0
    /// When the first byte of the present head came; nil while none has.
    private var headSince: NIODeadline?
    private var idleSince: NIODeadline
    private var blockedSince: NIODeadline?

    init(_ front: FrontContext, address: String) {
        self.front = front
        self.address = address
        idleSince = front.loop.now
    }

    // MARK: Reading

    /// Bytes came in; called before they are decoded.
    func bytesArrived() {
        if case .idle = state, headSince == nil { headSince = front.loop.now }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch state {
        case .serving:
            pipelined.append(part)
            if pipelined.count >= Self.maximumPipelined { setReading(false) }
        case .closing, .closed: break
        case .idle, .body: take(part)
        }
    }

    private func take(_ part: HTTPServerRequestPart) {
        switch (part, state) {
        case (.head(let head), .idle): begin(head)
        case (.body(let bytes), .body(var incoming)):
            // The buffer must have one owner while it grows.
            state = .idle
            incoming.take(bytes)
            state = .body(incoming)
            checkBody(bytes.readableBytes, incoming)
        case (.end, .body(let incoming)): serve(incoming)
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        headSince = nil
        let keepsAlive = head.isKeepAlive && head.version.minor == 1 && !front.isDraining && !head.headers.contains(name: "upgrade")
        if let fault = RequestCheck.fault(head) { return refuse(fault.status, "invalid_request_error", "bad_request", fault.message) }
        let request = RequestHead(method: head.method.rawValue, target: head.uri, fields: head.headers.map { (name: $0.name, value: $0.value) })
        let entry: RouteTable.Entry
        switch front.routes.match(request.method, request.path) {
        case .nothing:
            return refuse(404, "invalid_request_error", "unknown_url", "there is nothing at \(request.method) \(request.path.prefix(200))")
        case .otherMethods(let methods):
            return refuse(405, "invalid_request_error", "method_not_allowed",
                          "\(request.path.prefix(200)) does not know \(request.method); use \(methods.joined(separator: " or "))")
        case .entry(let found): entry = found
        }
        guard let caller = authorize(entry, request) else { return }
        let announced = head.headers.first(name: "content-length").flatMap(Int.init) ?? 0
        guard announced <= entry.maximumBody else { return tooLarge(entry) }
        if let coding = head.headers.first(name: "content-encoding"), coding.lowercased() != "identity" {
            return refuse(415, "invalid_request_error", "unsupported_encoding", "send the body without content-encoding")
        }
        state = .body(Incoming(head: request, entry: entry, caller: caller, arrivedAt: front.time.now, since: front.loop.now,
                               keepsAlive: keepsAlive, version: head.version))
        if head.headers.first(name: "expect")?.lowercased() == "100-continue", head.version.minor == 1 {
            writeInterim()
        }
    }

    /// Who asks; nil after a refusal was written.
    private func authorize(_ entry: RouteTable.Entry, _ head: RequestHead) -> Caller? {
        if entry.access == .open { return .anyone }
        guard let caller = front.keys().caller(head) else {
            refuse(401, "invalid_request_error", "invalid_api_key",
                   "a key is needed: send it as Authorization: Bearer KEY or as x-api-key")
            return nil
        }
        if entry.access == .administrator, case .key = caller {
            refuse(403, "invalid_request_error", "permission_denied", "this needs the administrator's key")
            return nil
        }
        return caller
    }

    private func checkBody(_ bytes: Int, _ incoming: Incoming) {
        if incoming.body.readableBytes > incoming.entry.maximumBody { return tooLarge(incoming.entry) }
        if !front.bodies.take(bytes) {
            front.bodies.giveBack(incoming.body.readableBytes - bytes)
            refuse(503, "server_error", "too_many_bodies", "too many large requests are being read; try again", retryAfter: 1)
        }
    }

    private func tooLarge(_ entry: RouteTable.Entry) {
        if case .body(let incoming) = state { front.bodies.giveBack(min(incoming.body.readableBytes, entry.maximumBody)) }
        refuse(413, "invalid_request_error", "request_too_large", "the body may have at most \(entry.maximumBody) bytes")
    }

    private func setReading(_ reads: Bool) {
        guard isPaused == reads, let context else { return }
        isPaused = !reads
        _ = try? context.channel.syncOptions?.setOption(.autoRead, value: reads)
    }

    // MARK: Serving

    private func serve(_ incoming: Incoming) {
        let reply = ConnectionReply(self, id: front.nextRequestID(), keepsAlive: incoming.keepsAlive,
                                    isHead: incoming.head.method == "HEAD", chunked: incoming.version.minor == 1)
        state = .serving(Serving(reply: reply, task: nil, bodyBytes: incoming.body.readableBytes, version: incoming.version))
        let exchange = Exchange(head: incoming.head, body: incoming.body, caller: incoming.caller,
                                arrivedAt: incoming.arrivedAt, reply: reply)
        let run = incoming.entry.run
        front.began()
        let task = Task.immediate(executorPreference: front.executor) {
            await run(exchange)
            self.finished(reply, exchange)
        }
        if case .serving(var serving) = state, serving.reply === reply {
            serving.task = task
            state = .serving(serving)
        }
    }

    /// The route has returned.
    private func finished(_ reply: ConnectionReply, _ exchange: Exchange) {
        front.ended(reply, exchange, from: address)
        guard case .serving(let serving) = state, serving.reply === reply else { return }
        front.bodies.giveBack(serving.bodyBytes)
        guard reply.isComplete, reply.keepsAlive, !inputClosed else { return closeAfterWriting() }
        state = .idle
        idleSince = front.loop.now
        let parts = pipelined
        pipelined = []
        for (index, part) in parts.enumerated() {
            if case .serving = state {
                pipelined = Array(parts[index...])
                break
            }
            take(part)
        }
        setReading(pipelined.count < Self.maximumPipelined)
    }

    /// Writes a refusal and closes the connection: what follows the request's head cannot be trusted or is not wanted.
    private func refuse(_ status: Int, _ type: StaticString, _ code: StaticString, _ message: String, retryAfter: Int? = nil) {
        guard let context else { return }
        state = .closing
        var head = ReplyHead(status)
        head.add("content-type", "application/json")
        head.add("x-request-id", front.nextRequestID().description)
        if let retryAfter { head.add("retry-after", retryAfter) }
        let body = OpenAIErrorBody.text(message: message, type: "\(type)", code: "\(code)", field: nil)
        var bytes = ReplyEncoder.head(head, date: front.date, length: body.readableBytes, keepsAlive: false)
        bytes.writeImmutableBuffer(body)
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        closeAfterWriting()
    }

    /// Closes the connection's output, and the rest soon after, so that the caller can read the reply even if it still
    /// sends.
    private func closeAfterWriting() {
        guard let context else { return }
        state = .closing
        idleSince = front.loop.now
        context.close(mode: .output, promise: nil)
        if inputClosed { context.close(promise: nil) }
    }

    // MARK: Writing

    var isOpen: Bool {
        if case .serving = state { return context?.channel.isActive ?? false }
        return false
    }

    var date: String { front.date }
    var drains: Bool { front.isDraining }

    /// Writes bytes of a reply; suspends while the caller does not take them.
    func write(_ bytes: ByteBuffer) async throws(CallerLeft) {
        guard isOpen, let context else { throw CallerLeft() }
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        guard !context.channel.isWritable else { return }
        blockedSince = front.loop.now
        await withUnsafeContinuation { writeWaiter = $0 }
        blockedSince = nil
        guard isOpen else { throw CallerLeft() }
    }

    private func writeInterim() {
        context?.writeAndFlush(NIOAny(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
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
        guard case .serving(var serving) = state else { return context.close(promise: nil) }
        guard !serving.probed, serving.version.minor == 1 else { return }
        serving.probed = true
        state = .serving(serving)
        if serving.reply.hasBegun {
            if let comment = serving.reply.harmlessPart { context.writeAndFlush(NIOAny(comment), promise: nil) }
        } else {
            writeInterim()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        switch state {
        case .idle, .body:
            if case .body(let incoming) = state { front.bodies.giveBack(incoming.body.readableBytes) }
            if error == .headerOverflow {
                refuse(431, "invalid_request_error", "head_too_large", "the request's head is too large")
            } else if error == .invalidEOFState {
                context.close(promise: nil)
            } else {
                refuse(400, "invalid_request_error", "bad_request", "the request is not HTTP/1.1")
            }
        case .serving: closeAfterServing()
        case .closing, .closed: context.close(promise: nil)
        }
    }

    /// What follows the present request is no request; its reply is still owed.
    private func closeAfterServing() {
        guard case .serving(let serving) = state else { return }
        serving.reply.keepsAlive = false
        pipelined = []
        setReading(false)
    }

    func channelInactive(context: ChannelHandlerContext) {
        left()
        context.fireChannelInactive()
    }

    private func left() {
        if case .closed = state { return }
        let last = state
        state = .closed
        front.sweep.remove(self)
        front.connections.close(address)
        pipelined = []
        switch last {
        case .body(let incoming): front.bodies.giveBack(incoming.body.readableBytes)
        case .serving(let serving):
            front.bodies.giveBack(serving.bodyBytes)
            serving.task?.cancel()
        case .idle, .closing, .closed: break
        }
        resumeWriter()
    }

    // MARK: Time

    /// Closes the connection if it has outstayed a limit. Called about once a second.
    func check(at now: NIODeadline) {
        let settings = front.settings
        switch state {
        case .idle:
            if let since = headSince, now - since > settings.headTime.amount {
                refuse(408, "invalid_request_error", "head_timeout", "the request's head took too long")
            } else if now - idleSince > (front.isDraining ? .seconds(1) : settings.idleTime.amount) {
                context?.close(promise: nil)
            }
        case .body(let incoming):
            let elapsed = now - incoming.since
            let due = Int((elapsed - settings.bodyGrace.amount).nanoseconds / 1_000_000_000) * settings.minimumBodyRate
            if elapsed > settings.bodyGrace.amount, incoming.body.readableBytes < max(1, due) {
                front.bodies.giveBack(incoming.body.readableBytes)
                refuse(408, "invalid_request_error", "body_timeout", "the request's body came too slowly")
            }
        case .serving:
            if let since = blockedSince, now - since > settings.writeTime.amount { context?.close(promise: nil) }
        case .closing:
            if now - idleSince > .seconds(2) { context?.close(promise: nil) }
        case .closed: break
        }
    }

    /// Ends the connection at the end of a shutdown.
    func abandon() {
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
