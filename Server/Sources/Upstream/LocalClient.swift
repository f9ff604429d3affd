import Generation
import NIOCore

/// The part of the client that lives on one event loop: its pools and its timer wheel.
final class LocalClient: @unchecked Sendable {  // Confined to its event loop.
    private struct PoolKey: Hashable {
        let origin: Origin
        let trust: ObjectIdentifier?
    }

    let loop: any EventLoop
    let executor: any TaskExecutor
    private let maximumHead: Int
    private let route: WayOut
    private let wheel: TimerWheel
    private var pools: [PoolKey: OriginPool] = [:]

    init(loop: any EventLoop, executor: any TaskExecutor, route: WayOut, maximumHead: Int) {
        self.loop = loop
        self.executor = executor
        self.maximumHead = maximumHead
        self.route = route
        wheel = TimerWheel(loop: loop)
    }

    /// Sends a request once, on a pooled connection unless it has to be a fresh one.
    func exchange(_ request: UpstreamRequest, fresh: Bool) async throws(UpstreamFailure) -> UpstreamResponse {
        guard !request.origin.isSecure || request.trust != nil else {
            throw UpstreamFailure(.tls, phase: .connect, detail: "no certificate authorities to trust")
        }
        let exchange = try pool(for: request).begin(request, fresh: fresh)
        let loop = loop
        let cancel = { @Sendable in
            if loop.inEventLoop { exchange.cancel() } else { loop.execute { exchange.cancel() } }
        }
        request.cancellation?.onCancel(cancel)
        let result = await withTaskCancellationHandler {
            await exchange.waitForHead()
        } onCancel: {
            cancel()
        }
        let head = try result.get()
        return UpstreamResponse(head: head, body: UpstreamBody(exchange, loop: loop, executor: executor))
    }

    private func pool(for request: UpstreamRequest) -> OriginPool {
        let key = PoolKey(origin: request.origin, trust: request.trust.map(ObjectIdentifier.init))
        if let pool = pools[key] { return pool }
        let pool = OriginPool(
            origin: request.origin, loop: loop, wheel: wheel, trust: request.trust, route: route,
            maximumHead: maximumHead)
        pools[key] = pool
        return pool
    }
}
