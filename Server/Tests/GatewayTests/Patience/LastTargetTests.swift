import Generation
import Resilience
import ResilienceTesting
import Routing
import Testing

@testable import Gateway

/// A target that is the only one left, and is away for a while.
@Suite struct LastTargetTests {
    /// Down from one moment to another.
    private static func blip(
        _ down: VirtualGateway.Act, from begin: Duration, for length: Duration
    ) -> @Sendable (ProviderCall, Duration) -> VirtualGateway.Act {
        { _, now in now >= begin && now < begin + length ? down : .answer(.milliseconds(20)) }
    }

    @Test(arguments: 1...20)
    func `a server that is killed and back soon is waited for, however the waits fall`(seed: UInt64) throws {
        for (down, most) in [(0.7, 1.56), (2.0, 3.2)] {
            try VirtualGateway.run(seed: seed) { simulation in
                let gateway = VirtualGateway(
                    simulation, [("p", Self.blip(.refuse, from: .zero, for: .seconds(down)))])
                let ending = await gateway.ask()
                simulation.expect(ending.isAnswered, "down for \(down) s: \(ending)")
                simulation.expect(ending.took <= .seconds(most), "down for \(down) s: \(ending.took)")
                simulation.expect(gateway.attempts(at: "p") <= 5, "\(gateway.attempts(at: "p")) attempts")
            }
        }
    }

    @Test func `when patience is spent the caller is told what happened and need not try it out again`()
        throws
    {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(simulation, [("p", { _, _ in .refuse })])
            let ending = await gateway.ask()
            guard case .attemptsFailed(let failure, let wait, let isTriedOut)? = ending.failure else {
                return simulation.expect(false, "\(ending)")
            }
            simulation.expect(failure.cause == "refused" && wait == nil && isTriedOut, "\(ending)")
            simulation.expect(
                ending.took > .seconds(2) && ending.took <= .milliseconds(2600), "\(ending.took)")
        }
    }

    @Test(arguments: ["refuse", "unavailable", "reset", "error"], [0.15, 1, 20])
    func `a blip does not grow, and is not answered with a storm`(kind: String, length: Double) throws {
        let down: VirtualGateway.Act =
            switch kind {
            case "refuse": .refuse
            case "unavailable": .unavailable
            case "reset": .reset
            default: .error
            }
        try VirtualGateway.run(seed: 3) { simulation in
            let gateway = VirtualGateway(
                simulation, [("p", Self.blip(down, from: .seconds(5), for: .seconds(length)))])
            let endings = await gateway.ask(
                callers: 20, each: .milliseconds(500), for: .seconds(15 + length))
            let recovered = Duration.seconds(5 + length + 1.2)
            let late = endings.filter { $0.began >= recovered && !$0.isAnswered }
            simulation.expect(late.isEmpty, "\(late.count) failed after the recovery: \(late.first as Any)")
            let slow = endings.filter { $0.began >= recovered && $0.took > .milliseconds(100) }
            simulation.expect(slow.isEmpty, "\(slow.count) wait after the recovery: \(slow.first as Any)")
            let attempts = gateway.attempts(at: "p"), most = Double(endings.count) * 1.1 + 20
            simulation.expect(
                Double(attempts) <= most, "\(attempts) attempts for \(endings.count) requests")
            guard length <= 1, kind == "refuse" || kind == "unavailable" else { return }
            let lost = endings.count { !$0.isAnswered }
            simulation.expect(lost == 0, "\(lost) lost")
        }
    }

    @Test(arguments: ["refuse", "unavailable"], [1, 20])
    func `nor does it where the strategy learns`(kind: String, length: Int) throws {
        let down: VirtualGateway.Act = kind == "refuse" ? .refuse : .unavailable
        try VirtualGateway.run(seed: 3) { simulation in
            let gateway = VirtualGateway(
                simulation, strategy: .adaptive,
                [("p", Self.blip(down, from: .seconds(5), for: .seconds(length)))])
            let endings = await gateway.ask(
                callers: 20, each: .milliseconds(500), for: .seconds(15 + length))
            let recovered = Duration.seconds(Double(5 + length) + 1.2)
            let late = endings.filter { $0.began >= recovered && !$0.isAnswered }
            simulation.expect(late.isEmpty, "\(late.count) failed after the recovery: \(late.first as Any)")
            let attempts = gateway.attempts(at: "p"), most = Double(endings.count) * 1.1 + 20
            simulation.expect(
                Double(attempts) <= most, "\(attempts) attempts for \(endings.count) requests")
        }
    }

    @Test func `those that wait for a target go on as soon as another one's probe has succeeded`() throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation, [("p", Self.blip(.refuse, from: .zero, for: .milliseconds(1800)))])
            let calls = (0..<20).map { _ in simulation.start(cancellable: false) { await gateway.ask() } }
            var ends: [Duration] = []
            for call in calls {
                let ending = try await call.result.get()
                simulation.expect(ending.isAnswered, "\(ending)")
                ends.append(ending.ended)
            }
            let first = ends.min() ?? .zero, last = ends.max() ?? .zero
            simulation.expect(last - first <= .milliseconds(100), "from \(first) to \(last)")
            simulation.expect(gateway.attempts(at: "p") <= 20 + 20 + 6, "\(gateway.attempts(at: "p"))")
        }
    }

    @Test func `what a server asks for is kept to, and a longer wish is passed on at once`() throws {
        let asks = AttemptFailure(
            .providerOverload, cause: "unavailable", phase: .head, status: 503, message: "m",
            retryAfter: .seconds(30))
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(simulation, [("p", { _, _ in .fail(asks) })])
            let ending = await gateway.ask()
            simulation.expect(ending.took == .zero, "\(ending.took)")
            simulation.expect((ending.failure?.retryAfter ?? .zero) >= .seconds(29), "\(ending)")
            simulation.expect(gateway.attempts(at: "p") == 1, "it is asked again before its time")
        }
    }

    @Test func `while another target answers nobody waits, and probes come when the breaker says`() throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation, [("p", { _, _ in .refuse }), ("f", { _, _ in .answer(.milliseconds(20)) })])
            for _ in 0..<100 {
                let ending = await gateway.ask()
                simulation.expect(ending.provider == "f" && ending.took <= .milliseconds(100), "\(ending)")
                try await simulation.time.sleep(for: .milliseconds(100))
            }
            simulation.expect(gateway.attempts(at: "p") <= 6, "\(gateway.attempts(at: "p")) attempts in 12 s")
        }
    }
}
