import Foundation
import Synchronization
import Testing
import Wall

/// A gateway, a P that fails by the plan, an F that does not, and a toxic proxy on one of the lines.
final class SoakStage: Sendable {
    /// Where the toxic proxy is.
    enum Line: Sendable { case none, toProvider, toCaller }

    let plan: SoakPlan
    let gateway: GatewayProcess
    /// The port that callers use.
    let port: Int
    let proxy: ToxicProxy?
    /// Whether P fails by the plan.
    let failing: Flag
    private let primary: Wall
    private let fallback: Wall
    private let providerPorts: [Int]

    init(_ plan: SoakPlan, toxic line: Line = .none) async throws {
        self.plan = plan
        let failing = Flag(), player = FaultPlayer()
        self.failing = failing
        primary = Wall { call in
            if call.user == Self.pokeF { return [Answer.response(503, Answer.error("No."))] }
            let text = plan.textOfP(call.user)
            guard failing.value, let fault = plan.fault(call.user) else { return Answer.good(call, text) }
            return player.play(fault, for: call, text: text)
        }
        fallback = Wall { call in
            failing.value && plan.isRefusedByF(call.user)
                ? [Answer.response(503, Answer.error("No."))]
                : Answer.good(call, plan.textOfF(call.user), model: "f-1")
        }
        var ports = [try await primary.start(), try await fallback.start()]
        var proxy = line == .toProvider ? ToxicProxy(to: ports[0], seed: plan.seed) : nil
        if let proxy { ports[0] = try await proxy.start() }
        providerPorts = ports
        gateway = try await GatewayProcess(Self.settings(ports).text, places: Stage.shared.places)
        if line == .toCaller { proxy = ToxicProxy(to: gateway.port, seed: plan.seed) }
        if line == .toCaller, let proxy { port = try await proxy.start() } else { port = gateway.port }
        self.proxy = proxy
    }

    private static func settings(_ ports: [Int]) -> Pair.Settings {
        var settings = Pair.Settings()
        settings.primaryURL = "http://127.0.0.1:\(ports[0])/v1"
        settings.fallbackURL = "http://127.0.0.1:\(ports[1])/v1"
        settings.routes = (0..<SoakPlan.models).map { "soak-\($0)" }
        settings.timeouts = "{ connect: 1s, head: 1s, first_token: 1s, idle: 1s, total: 8s }"
        // Breakers that open and close often, so that their bookkeeping is soaked too.
        settings.lines = [
            "breaker: { failure_rate: 0.3, minimum_calls: 10, window_calls: 20, open: 300ms, max_open: 1s }"
        ]
        return settings
    }

    // MARK: What is measured

    /// What a gateway holds when nobody asks it for anything.
    struct Holding: Sendable, CustomStringConvertible {
        var megabytes: Double
        /// The descriptors, without those of connections to providers that are kept for the next request.
        var descriptors: Int
        var keptConnections: Int

        var description: String {
            String(format: "%.1f MiB, %d descriptors, ", megabytes, descriptors)
                + "\(keptConnections) kept connections"
        }
    }

    /// What the gateway holds now.
    var holding: Holding {
        let kept = providerPorts.map { establishedConnections(to: $0) }.reduce(0, +)
        return Holding(
            megabytes: gateway.residentMegabytes, descriptors: gateway.descriptors - kept,
            keptConnections: kept)
    }

    /// Requests and calls of all kinds that reached P, and how many of them it would charge for.
    var askedOfP: (calls: Int, charged: Int) {
        let calls = primary.ledger.calls
        return (calls.count, calls.count(where: \.isCharged))
    }

    private struct Target { var label: String, breaker: String, isCooling: Bool }

    private func health() async throws -> (requests: Int, targets: [Target]) {
        let json = try await Client.get(gateway.port, "/health").json
        let targets = (json["targets"] as? [[String: Any]] ?? []).map {
            Target(
                label: $0["target"] as? String ?? "", breaker: $0["breaker"] as? String ?? "unknown",
                isCooling: $0["cooling"] is String)
        }
        return (json["requests"] as? Int ?? -1, targets)
    }

    // MARK: The way back

    /// The user of a request that P must fail, so that F is asked.
    private static let pokeF = "poke-f"

    /// Lets everything end that has begun and asks those targets again that are left alone.
    ///
    /// - Returns: What did not come back to how it was in the beginning.
    func settle(within limit: Duration = .seconds(20)) async throws -> [String] {
        failing.value = false
        if let proxy {
            for direction in ToxicProxy.Direction.allCases { proxy[direction] = ToxicProxy.Toxics() }
        }
        var flaws: [String] = []
        // The question itself is a request.
        if try await !eventually(limit, { try await health().requests == 1 }) {
            flaws.append("\(try await health().requests - 1) requests are left in flight")
        }
        if try await !eventually(limit, { try await poke().isEmpty }) {
            flaws.append("targets are not back: \(try await poke())")
        }
        // What has just ended may not be closed yet.
        try await Task.sleep(for: .milliseconds(500))
        return flaws
    }

    /// Asks once for each model whose target is not well.
    ///
    /// - Returns: The targets that were not.
    private func poke() async throws -> [String] {
        let targets = try await health().targets
        let ill = targets.filter { $0.breaker != "closed" || $0.isCooling }
        for target in ill {
            guard let model = target.label.firstMatch(of: #/^[pf]/(soak-\d+)/#)?.1 else { continue }
            let user = target.label.hasPrefix("f/") ? Self.pokeF : "poke"
            _ = try await Client.chat(gateway.port, model: String(model), more: #","user":"\#(user)""#)
        }
        return targets.isEmpty ? ["no target at all"] : ill.map { "\($0.label) is \($0.breaker)" }
    }
}
