import Generation
import NIOCore

/// The part of the client that lives on one event loop: its pools and its timer wheel.
final class LocalClient: @unchecked Sendable {  // Confined to its event loop.
    let loop: any EventLoop
    let executor: LoopExecutor
    private let maximumHead: Int
    private let route: WayOut
    private let wheel: TimerWheel
    /// A few, the newest last: those of a configuration that is no longer used have nothing to do.
    private var pools: [OriginPool] = []

    init(loop: any EventLoop, executor: LoopExecutor, route: WayOut, maximumHead: Int) {
        self.loop = loop
        self.executor = executor
        self.maximumHead = maximumHead
        self.route = route
        wheel = TimerWheel(loop: loop)
    }

    /// Sends a request once, on a pooled connection unless it has to be a fresh one.
    func begin(_ request: UpstreamRequest, fresh: Bool) throws(UpstreamFailure) -> Exchange {
        loop.assertInEventLoop()
        guard !request.origin.isSecure || request.trust != nil else {
            throw UpstreamFailure(.tls, phase: .connect, detail: "no certificate authorities to trust")
        }
        let exchange = try pool(for: request).begin(request, fresh: fresh)
        if !exchange.isEnded {
            request.cancellation?.onCancel(of: exchange) { exchange.cancelFromAnywhere() }
        }
        return exchange
    }

    private func pool(for request: UpstreamRequest) -> OriginPool {
        var index = pools.count
        while index > 0 {
            index -= 1
            if pools[index].serves(request.origin, request.trust) { return pools[index] }
        }
        pools.removeAll { $0.open == 0 }
        let pool = OriginPool(
            origin: request.origin, loop: loop, executor: executor, wheel: wheel, trust: request.trust,
            route: route, maximumHead: maximumHead)
        pools.append(pool)
        return pool
    }
}
