import Generation
import HTTPMessage
import NIOCore

/// One request and its response on one connection, as seen by the task that waits for them.
///
/// It knows in which phase it is and until when that may last; the connection feeds it. It ends exactly once: with the
/// response's last byte or with a failure.
final class Exchange: @unchecked Sendable {  // Confined to its connection's event loop.
    typealias HeadResult = Result<ResponseHead, UpstreamFailure>
    typealias BodyResult = Result<ByteBuffer?, UpstreamFailure>

    /// The bytes that are kept for a reader before the connection stops reading. 32 KiB; one read may come on top.
    static let readAhead = 32 * 1024

    /// The bytes that are read and thrown away to save a connection. 16 KiB.
    private static let maximumDrain = 16 * 1024

    let request: UpstreamRequest
    private(set) var phase = Phase.connect
    private(set) var bytesReceived = 0
    private(set) var requestWasSent = false
    private(set) var isEnded = false
    private var isDraining = false
    private let loop: any EventLoop
    /// Let go of at the end.
    private var connection: Connection?
    private let isReused: Bool

    private var headWaiter: UnsafeContinuation<HeadResult, Never>?
    private var bodyWaiter: UnsafeContinuation<BodyResult, Never>?
    private var head: ResponseHead?
    private var pending = ByteBuffer()
    private var bodyLength = 0
    private var drained = 0
    private var isComplete = false
    private var failure: UpstreamFailure?

    private let endsAt: NIODeadline
    private var phaseEndsAt: NIODeadline
    private var firstTokenBy = NIODeadline.distantFuture
    /// Since when the reader works on what it was given.
    private var awaySince: NIODeadline?

    init(_ request: UpstreamRequest, on connection: Connection, isReused: Bool, at now: NIODeadline) {
        self.request = request
        self.connection = connection
        loop = connection.loop
        self.isReused = isReused
        endsAt = now.advanced(by: request.limits.total)
        phaseEndsAt = now.advanced(by: request.limits.connect)
    }

    /// When the present phase or the whole exchange must be over. While the reader is away with what it was given,
    /// the provider is not the slow one and the phase's clock stands still.
    var deadline: NIODeadline { isReaderAway ? endsAt : min(phaseEndsAt, endsAt) }

    /// Whether the reader works on what it was given. Then the deadline is as far away as it can be.
    var isReaderAway: Bool { awaySince != nil }

    /// Whether the connection should stop reading until the reader has caught up.
    var wantsPause: Bool { pending.readableBytes >= Self.readAhead && bodyWaiter == nil }

    // MARK: Fed by the connection

    /// The request is about to be written. Long bodies may take as long as an answer may pause.
    func sending(at now: NIODeadline) {
        phase = .send
        phaseEndsAt = now.advanced(by: request.limits.idle)
    }

    /// The request was given to the connection's socket.
    func sent(at now: NIODeadline) {
        requestWasSent = true
        guard phase == .send else { return }
        phase = .head
        let limits = request.limits
        phaseEndsAt = now.advanced(by: limits.head)
        firstTokenBy = now.advanced(by: limits.firstToken)
    }

    func received(_ bytes: Int) {
        bytesReceived += bytes
    }

    func received(_ head: ResponseHead, at now: NIODeadline) {
        self.head = head
        if request.readerTellsProgress {
            phase = .firstToken
            // Nothing was counted yet if the head comes while the request is still being sent.
            phaseEndsAt = min(firstTokenBy, now.advanced(by: request.limits.firstToken))
        } else {
            phase = .body
            phaseEndsAt = now.advanced(by: request.limits.idle)
        }
        if let waiter = headWaiter {
            headWaiter = nil
            awaySince = now
            waiter.resume(returning: .success(head))
        }
    }

    /// Takes over bytes of the body; called at most once per read of the socket.
    func received(body: ByteBuffer, at now: NIODeadline) throws(UpstreamFailure) {
        bodyLength += body.readableBytes
        guard !isDraining else {
            drained += body.readableBytes
            if drained > Self.maximumDrain {
                throw failure(.bodyTooLarge, "bytes after the end of the answer")
            }
            return
        }
        if bodyLength > request.maximumBody {
            throw failure(.bodyTooLarge, "more than \(request.maximumBody) bytes")
        }
        if !request.readerTellsProgress { phaseEndsAt = now.advanced(by: request.limits.idle) }
        if let waiter = bodyWaiter {
            bodyWaiter = nil
            awaySince = now
            waiter.resume(returning: .success(body))
        } else if pending.readableBytes == 0 {
            pending = body
        } else {
            pending.writeImmutableBuffer(body)
        }
    }

    /// The response is complete.
    func complete() {
        guard !isEnded else { return }
        isEnded = true
        isComplete = true
        letGo()
        if let waiter = bodyWaiter {
            bodyWaiter = nil
            waiter.resume(returning: .success(nil))
        }
    }

    /// The exchange failed. Bytes that have arrived are still given to the reader first.
    func fail(_ failure: UpstreamFailure) {
        guard !isEnded else { return }
        isEnded = true
        self.failure = failure
        letGo()
        if let waiter = headWaiter {
            headWaiter = nil
            waiter.resume(returning: .failure(failure))
        }
        if let waiter = bodyWaiter {
            bodyWaiter = nil
            waiter.resume(returning: .failure(failure))
        }
    }

    /// Lets go of what holds on to it.
    private func letGo() {
        connection = nil
        request.cancellation?.forget(self)
    }

    /// A failure in the present phase.
    func failure(_ cause: UpstreamFailure.Cause, _ detail: String = "") -> UpstreamFailure {
        UpstreamFailure(
            cause, phase: phase, bytesReceived: bytesReceived, requestWasSent: requestWasSent,
            connectionWasReused: isReused, detail: detail)
    }

    // MARK: Used by the waiting task

    func waitForHead() async -> HeadResult {
        loop.assertInEventLoop()
        if let head { return .success(head) }
        if let failure { return .failure(failure) }
        if isCovered { return await suspendForHead() }
        return await withTaskCancellationHandler {
            await suspendForHead()
        } onCancel: {
            cancelFromAnywhere()
        }
    }

    private func suspendForHead() async -> HeadResult {
        await withUnsafeContinuation { waiter in
            // A task that was cancelled before has ended it.
            if let failure { return waiter.resume(returning: .failure(failure)) }
            headWaiter = waiter
        }
    }

    /// Whether the request's token is cancelled when the task that waits is.
    private var isCovered: Bool { request.cancellation?.coversTask ?? false }

    /// The next bytes of the body or its end, if they are there; else ``waitForBody()``.
    func takeReady() -> BodyResult? {
        loop.assertInEventLoop()
        if isEnded { return pending.readableBytes > 0 ? .success(takePending()) : ending }
        guard pending.readableBytes > 0 else { return nil }
        let now = loop.now
        returned(at: now)
        awaySince = now
        let bytes = takePending()
        if !isCovered, Task.isCancelled { cancel() } else { connection?.resumeReading() }
        return .success(bytes)
    }

    /// The rest of the body, if all of it is there.
    func takeWhole() -> ByteBuffer? {
        loop.assertInEventLoop()
        return isComplete ? takePending() : nil
    }

    /// Waits for the next bytes of the body, none of which are there; nil at its end.
    func waitForBody() async -> BodyResult {
        if isCovered { return await suspendForBody() }
        return await withTaskCancellationHandler {
            await suspendForBody()
        } onCancel: {
            cancelFromAnywhere()
        }
    }

    private func suspendForBody() async -> BodyResult {
        await withUnsafeContinuation { waiter in
            // A task that was cancelled before has ended it.
            if isEnded { return waiter.resume(returning: ending) }
            if isReaderAway { returned(at: loop.now) }
            bodyWaiter = waiter
            connection?.deadlineMoved()
            connection?.resumeReading()
        }
    }

    /// How the body ended, once it has.
    private var ending: BodyResult { failure.map { .failure($0) } ?? .success(nil) }

    private func takePending() -> ByteBuffer {
        var bytes = ByteBuffer()
        swap(&bytes, &pending)
        return bytes
    }

    /// Lets the phase's clock go on after the reader was away.
    private func returned(at now: NIODeadline) {
        guard let left = awaySince else { return }
        awaySince = nil
        phaseEndsAt = phaseEndsAt + (now - left)
    }

    /// The reader saw a meaningful part of the answer.
    func progressed() {
        loop.assertInEventLoop()
        guard !isEnded else { return }
        // The time that it is away is added when it comes back.
        let now = awaySince ?? loop.now
        phase = .body
        phaseEndsAt = now.advanced(by: request.limits.idle)
        connection?.deadlineMoved()
    }

    /// The reader has what it needs and only waits for the end.
    func expectEnd(within limit: Duration, at now: NIODeadline) {
        loop.assertInEventLoop()
        guard !isEnded else { return }
        phaseEndsAt = now.advanced(by: limit)
        connection?.deadlineMoved()
    }

    /// The reader leaves what is left of the body to be thrown away, within a second and 16 KiB.
    func drain(at now: NIODeadline) {
        loop.assertInEventLoop()
        guard !isEnded, !isDraining else { return }
        isDraining = true
        pending = ByteBuffer()
        awaySince = nil
        phaseEndsAt = now.advanced(by: .seconds(1))
        connection?.deadlineMoved()
        connection?.resumeReading()
    }

    /// Cancels on its event loop, from whatever thread.
    func cancelFromAnywhere() {
        if loop.inEventLoop { cancel() } else { loop.execute { self.cancel() } }
    }

    /// Whoever waits does not want the response any more: the connection is closed at once.
    func cancel() {
        loop.assertInEventLoop()
        guard !isEnded, !isDraining else { return }
        let connection = self.connection
        fail(failure(.cancelled))
        connection?.close()
    }
}
