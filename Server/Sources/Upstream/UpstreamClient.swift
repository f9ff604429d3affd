import Generation
public import HTTPMessage
public import NIOCore
public import NIOPosix

/// Sends requests to hosts over HTTP/1.1, with a pool of connections on each event loop.
///
/// An exchange stays on the event loop of the task that asks for it, so that nothing hops between threads. What no
/// general client does, and a gateway needs: every phase has its own limit, heads and bodies are bounded, redirects are
/// never followed, cancelling closes the connection at once, and a failure says how far things had gone.
public final class UpstreamClient: Sendable {
    private let locals: [LocalClient]
    private let group: MultiThreadedEventLoopGroup

    /// Creates a client that works on the event loops of `group`.
    ///
    /// - Parameters:
    ///   - proxy: Where secure connections go through; nil for none.
    ///   - maximumHead: The largest response head that is accepted, in bytes. Default: 64 KiB.
    public init(
        group: MultiThreadedEventLoopGroup, executors: LoopExecutors, proxy: Proxy? = nil,
        maximumHead: Int = 64 * 1024
    ) {
        self.group = group
        let route = WayOut(names: NameResolver(), proxy: proxy)
        locals = group.makeIterator().map { loop in
            LocalClient(
                loop: loop, executor: executors.executor(of: loop), route: route, maximumHead: maximumHead)
        }
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// A request that certainly did not reach the other side, or that is safe to repeat and was not answered, is sent a
    /// second time on a new connection, once, if its `mayResend` allows it: pooled connections may close at any moment.
    ///
    /// Cancelling the task closes the connection at once, or, where the request has a token that covers the task, cancelling
    /// that.
    public func exchange(_ request: UpstreamRequest) async throws(UpstreamFailure) -> UpstreamResponse {
        let here = MultiThreadedEventLoopGroup.currentEventLoop
        guard let local = locals.first(where: { $0.loop === here }) else {
            return try await exchangeElsewhere(request)
        }
        var exchange = try local.begin(request, fresh: false)
        var result = await exchange.waitForHead()
        if case .failure(let failure) = result, Self.mayBeSentAgain(request, after: failure),
            request.mayResend()
        {
            exchange = try local.begin(request, fresh: true)
            result = await exchange.waitForHead()
        }
        return UpstreamResponse(head: try result.get(), body: UpstreamBody(exchange, local))
    }

    /// Takes the task to one of the client's event loops.
    private func exchangeElsewhere(
        _ request: UpstreamRequest
    ) async throws(UpstreamFailure) -> UpstreamResponse {
        let loop = group.any()
        guard let local = locals.first(where: { $0.loop === loop }) else {
            throw UpstreamFailure(.cancelled, phase: .admission, detail: "no event loop")
        }
        return try await withTaskExecutorPreference(local.executor) {
            () async -> Result<UpstreamResponse, UpstreamFailure> in
            do throws(UpstreamFailure) { return .success(try await self.exchange(request)) } catch {
                return .failure(error)
            }
        }.get()
    }

    static func mayBeSentAgain(_ request: UpstreamRequest, after failure: UpstreamFailure) -> Bool {
        guard failure.bytesReceived == 0, failure.cause == .closedEarly || failure.cause == .reset else {
            return false
        }
        guard !Task.isCancelled else { return false }
        return !failure.requestWasSent || request.isSafeToRepeat && failure.connectionWasReused
    }
}

/// A response whose head has arrived.
public struct UpstreamResponse: Sendable {
    /// The status line and fields.
    public let head: ResponseHead
    /// The rest of the answer, as it comes.
    public let body: UpstreamBody
}

/// The body of a response, drawn piece by piece. Not drawing stops reading from the other side.
///
/// Dropping it, or ``cancel()``, closes the connection unless the body was read to its end. It is confined to its
/// event loop; other threads hop to it first.
public final class UpstreamBody: @unchecked Sendable {  // Confined to its event loop.
    private let exchange: Exchange
    private let local: LocalClient

    init(_ exchange: Exchange, _ local: LocalClient) {
        self.exchange = exchange
        self.local = local
    }

    private var loop: any EventLoop { local.loop }

    /// The next bytes; nil at the end of the body.
    public func next() async throws(UpstreamFailure) -> ByteBuffer? {
        guard loop.inEventLoop else {
            return try await withTaskExecutorPreference(local.executor) { await self.nextResult() }.get()
        }
        if let ready = exchange.takeReady() { return try ready.get() }
        return try await exchange.waitForBody().get()
    }

    private func nextResult() async -> Exchange.BodyResult {
        if let ready = exchange.takeReady() { return ready }
        return await exchange.waitForBody()
    }

    /// Reads the rest of the body.
    public func collect() async throws(UpstreamFailure) -> ByteBuffer {
        if loop.inEventLoop, let whole = exchange.takeWhole() { return whole }
        var whole = ByteBuffer()
        while var bytes = try await next() {
            if whole.readableBytes == 0 { whole = bytes } else { whole.writeBuffer(&bytes) }
        }
        return whole
    }

    /// Tells that a meaningful part of the answer was seen, which begins the time to the next one.
    public func progressed() {
        exchange.progressed()
    }

    /// Tells that everything that matters was read and that the rest may take no longer than `limit`.
    public func expectEnd(within limit: Duration) {
        exchange.expectEnd(within: limit, at: loop.now)
    }

    /// The bytes of the response that have arrived.
    public var bytesReceived: Int { exchange.bytesReceived }

    /// A failure of this exchange in its present phase, for what the reader finds wrong with the body.
    public func failure(_ cause: UpstreamFailure.Cause, _ detail: String) -> UpstreamFailure {
        exchange.failure(cause, detail)
    }

    /// Leaves the rest of the body, which should be no more than its end, to be read without anyone waiting for it, so
    /// that the connection can be used again.
    public func drain() {
        exchange.drain(at: loop.now)
    }

    /// Closes the connection at once, unless the body was read to its end.
    public func cancel() {
        exchange.cancelFromAnywhere()
    }

    deinit {
        exchange.cancelFromAnywhere()
    }
}
