import Gateway
import Generation
import Resilience

/// `/livez`, `/readyz` and `/health`.
struct Health: Sendable {
    private struct View: Encodable {
        struct Target: Encodable {
            var target: String
            var breaker: String
            var cooling: String?
            var retry_after_ms: Double?
        }

        var status: String
        var draining: Bool
        var requests: Int
        var targets: [Target]
    }

    let gateway: Gateway
    let activity: FrontActivity

    /// Whether the process works at all.
    func live(_ exchange: Exchange) async {
        await exchange.sendText("ok\n")
    }

    /// Whether new requests should be sent here.
    func ready(_ exchange: Exchange) async {
        if activity.isDraining {
            await exchange.sendText("draining\n", status: 503)
        } else {
            await exchange.sendText("ok\n")
        }
    }

    /// How the targets are: healthy if all can be asked, degraded if some can, unhealthy (503) if none can.
    func health(_ exchange: Exchange) async {
        let now = gateway.now
        var usable = 0
        let targets = gateway.targets.all.map { health -> View.Target in
            let breaker = health.breaker.snapshot, cooling = health.cooling(at: now)
            if cooling == nil, breaker.state.letsRequestsThrough { usable += 1 }
            let wait = breaker.state == .open ? breaker.remainingOpen : cooling?.time
            return View.Target(
                target: health.label, breaker: breaker.state.rawValue, cooling: cooling?.kind.rawValue,
                retry_after_ms: wait?.shownMilliseconds)
        }
        let status = usable == targets.count ? "healthy" : usable > 0 ? "degraded" : "unhealthy"
        await exchange.sendJSON(
            View(
                status: status, draining: activity.isDraining, requests: activity.requests, targets: targets),
            status: status == "unhealthy" ? 503 : 200)
    }
}

extension CircuitBreaker.State {
    /// Whether its target can be asked, at least to see how it is.
    fileprivate var letsRequestsThrough: Bool {
        switch self {
        case .closed, .halfOpen, .disabled: true
        case .open, .isolated: false
        @unknown default: false
        }
    }
}
