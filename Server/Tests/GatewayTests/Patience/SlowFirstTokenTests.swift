import Generation
import Resilience
import ResilienceTesting
import Synchronization
import Testing

@testable import Gateway

/// Targets whose answers begin late.
@Suite struct SlowFirstTokenTests {
    @Test(arguments: [6, 20, 60])
    func `a lone target may take its time, and twelve slow answers open no breaker`(seconds: Int) throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(simulation, [("p", { _, _ in .answer(.seconds(seconds)) })])
            let calls = (0..<12).map { _ in simulation.start(cancellable: false) { await gateway.ask() } }
            for call in calls {
                let ending = try await call.result.get()
                simulation.expect(ending.isAnswered, "\(ending)")
                simulation.expect(ending.took == .seconds(seconds), "\(ending.took)")
            }
            simulation.expect(gateway.breaker("p") == .closed, "its breaker is open")
            simulation.expect(gateway.attempts(at: "p") == 12, "it was asked again")
        }
    }

    @Test
    func `lone targets that never answer are given up at the total limit, which is named, and stay closed`()
        throws
    {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(simulation, [("p", { _, _ in .silent })])
            let calls = (0..<12).map { _ in simulation.start(cancellable: false) { await gateway.ask() } }
            for call in calls {
                let ending = try await call.result.get()
                guard case .attemptsFailed(let failure, _, _)? = ending.failure else {
                    return simulation.expect(false, "\(ending)")
                }
                simulation.expect(ending.took == .seconds(120), "\(ending.took)")
                simulation.expect(failure.limit == .total, "\(failure)")
                simulation.expect(
                    failure.message.contains("within 120 s (timeouts.total)"), failure.message)
            }
            simulation.expect(gateway.breaker("p") == .closed, "its breaker is open")
        }
    }

    @Test(arguments: [6, 20, 60])
    func `beside a healthy target it is given up in time, and passed over after three in a row`(seconds: Int)
        throws
    {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation,
                [
                    ("p", { _, _ in .answer(.seconds(seconds)) }),
                    ("f", { _, _ in .answer(.milliseconds(300)) }),
                ])
            for number in 0..<6 {
                let ending = await gateway.ask()
                simulation.expect(ending.provider == "f", "\(ending)")
                simulation.expect(
                    ending.took == (number < 3 ? .milliseconds(4300) : .milliseconds(300)), "\(ending.took)")
                guard number < 3 else { continue }
                guard case .attempt(_, let failure?, _)? = ending.decision?.steps.first?.kind else {
                    return simulation.expect(false, "\(ending)")
                }
                simulation.expect(failure.message.contains("(timeouts."), failure.message)
            }
            simulation.expect(gateway.attempts(at: "p") == 3, "\(gateway.attempts(at: "p"))")
        }
    }

    @Test
    func `a target that is slow is asked again, with all the time there is, when the other one is down`()
        throws
    {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation,
                [("p", { _, _ in .answer(.seconds(6)) }), ("f", { _, _ in .fail(Self.broken) })]
            )
            let ending = await gateway.ask()
            simulation.expect(ending.isAnswered && ending.provider == "p", "\(ending)")
            simulation.expect(ending.took < .milliseconds(10_500), "\(ending.took)")
        }
    }

    private static let broken = AttemptFailure(
        .modelUnavailable, cause: "gone", phase: .head, status: 410, message: "m")

    @Test
    func
        `fifteen requests at a silent target pay its limit three times, and probes cost a quarter of a second`()
        throws
    {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation, [("p", { _, _ in .silent }), ("f", { _, _ in .answer(.milliseconds(300)) })])
            var slow = 0
            for _ in 0..<15 {
                let ending = await gateway.ask()
                simulation.expect(ending.provider == "f", "\(ending)")
                if ending.took > .seconds(1) { slow += 1 }
                if ending.took > .milliseconds(300), ending.took < .seconds(1) {
                    simulation.expect(ending.took == .milliseconds(550), "\(ending.took)")
                }
                try await simulation.time.sleep(for: .seconds(5) - min(ending.took, .seconds(5)))
            }
            simulation.expect(slow == 3, "\(slow) requests paid the limit")
            simulation.expect(gateway.attempts(at: "p") > 4, "nobody probes it")
        }
    }

    @Test func `a probe that lost against another target goes on and closes the breaker`() throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation,
                [
                    ("p", { _, now in now < .seconds(1) ? .error : .answer(.milliseconds(800)) }),
                    ("f", { _, _ in .answer(.milliseconds(100)) }),
                ])
            for _ in 0..<3 { _ = await gateway.ask() }
            simulation.expect(gateway.breaker("p") == .open, "three failures in a row do not open it")
            try await simulation.time.sleep(for: .seconds(7))
            let probing = await gateway.ask()
            simulation.expect(probing.provider == "f" && probing.took == .milliseconds(350), "\(probing)")
            try await simulation.time.sleep(for: .seconds(1))
            simulation.expect(gateway.breaker("p") == .closed, "what the probe brought is lost")
            simulation.expect(await gateway.ask().provider == "p", "it is not asked again")
        }
    }

    @Test(arguments: [(3.0, "p"), (0.3, "f")])
    func `a target that usually takes long for a first token gets more time than the limit`(
        usual: Double, answers: String
    ) throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation,
                [
                    ("p", { _, now in .answer(.seconds(now < .seconds(20) ? usual : 5)) }),
                    ("f", { _, _ in .answer(.milliseconds(100)) }),
                ])
            for _ in 0..<4 {
                simulation.expect(await gateway.ask().provider == "p", "p is in time")
            }
            try await simulation.time.sleep(for: .seconds(20))
            let ending = await gateway.ask()
            simulation.expect(ending.provider == answers, "\(ending)")
        }
    }
}
