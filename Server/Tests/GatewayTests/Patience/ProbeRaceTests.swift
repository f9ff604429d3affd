import Generation
import Resilience
import ResilienceTesting
import Synchronization
import Testing

@testable import Gateway

/// A probe and the attempt beside it.
@Suite struct ProbeRaceTests {
    /// Three requests that open P's breaker, then time until it wants a probe.
    private static func openThenWait(_ gateway: VirtualGateway) async throws {
        for _ in 0..<3 { _ = await gateway.ask() }
        gateway.simulation.expect(gateway.breaker("p") == .open, "its breaker is closed")
        try await gateway.simulation.time.sleep(for: .seconds(7))
    }

    private static let gone = AttemptFailure(
        .modelUnavailable, cause: "gone", phase: .head, status: 410, message: "m")

    @Test(arguments: [false, true])
    func `a probe that answers after the attempt beside it has failed is answered once`(streams: Bool) throws
    {
        let failures: [VirtualGateway.Act] = [.reset, .error, .unavailable, .fail(Self.gone)]
        for failure in failures {
            try VirtualGateway.run { simulation in
                let isIll = Atomic(true)
                let gateway = VirtualGateway(
                    simulation,
                    [
                        ("p", { _, _ in isIll.load(ordering: .relaxed) ? .error : .answer(.seconds(1)) }),
                        (
                            "f",
                            { _, _ in isIll.load(ordering: .relaxed) ? .answer(.milliseconds(20)) : failure }
                        ),
                    ])
                try await Self.openThenWait(gateway)
                isIll.store(false, ordering: .relaxed)
                let ending = await gateway.ask(streams: streams)
                simulation.expect(ending.isAnswered && ending.provider == "p", "\(failure): \(ending)")
                simulation.expect(ending.ends == 1, "\(failure): \(ending.ends) ends")
                simulation.expect(ending.took == .seconds(1), "\(failure): \(ending.took)")
                simulation.expect(gateway.attempts(at: "f") == 4, "\(failure): f is asked again")
            }
        }
    }

    @Test func `beside a probe nobody is asked who is ill himself`() throws {
        try VirtualGateway.run { simulation in
            let isIll = Atomic(true)
            let act: @Sendable (ProviderCall, Duration) -> VirtualGateway.Act = { _, _ in
                isIll.load(ordering: .relaxed) ? .error : .silent
            }
            let gateway = VirtualGateway(
                simulation, [("p", act), ("q", act), ("f", { _, _ in .answer(.milliseconds(20)) })])
            try await Self.openThenWait(gateway)
            simulation.expect(gateway.health("q")?.breaker.readiness == .probing, "q is not ill")
            isIll.store(false, ordering: .relaxed)
            let ending = await gateway.ask()
            simulation.expect(ending.provider == "f" && ending.took == .milliseconds(270), "\(ending)")
        }
    }

    @Test func `a probe is over with the first part of an answer, however long the whole one takes`() throws {
        try VirtualGateway.run { simulation in
            let isIll = Atomic(true)
            let gateway = VirtualGateway(
                simulation,
                [
                    (
                        "p",
                        { _, _ in
                            isIll.load(ordering: .relaxed)
                                ? .error : .answerSlowly(.milliseconds(50), for: .seconds(20))
                        }
                    ), ("f", { _, _ in .answer(.milliseconds(100)) }),
                ])
            try await Self.openThenWait(gateway)
            isIll.store(false, ordering: .relaxed)
            let call = simulation.start(cancellable: false) { await gateway.ask() }
            try await simulation.time.sleep(for: .milliseconds(100))
            simulation.expect(gateway.breaker("p") == .closed, "it waits for the end of the answer")
            _ = await call.result
        }
    }

    @Test func `who is asked beside a probe may take his time if nobody else is left`() throws {
        try VirtualGateway.run { simulation in
            let isIll = Atomic(true)
            let gateway = VirtualGateway(
                simulation,
                [
                    ("p", { _, _ in isIll.load(ordering: .relaxed) ? .error : .silent }),
                    (
                        "f",
                        { _, _ in .answer(isIll.load(ordering: .relaxed) ? .milliseconds(20) : .seconds(6)) }
                    ),
                ])
            try await Self.openThenWait(gateway)
            isIll.store(false, ordering: .relaxed)
            let ending = await gateway.ask()
            simulation.expect(ending.isAnswered && ending.provider == "f", "\(ending)")
            simulation.expect(ending.took == .milliseconds(6250), "\(ending.took)")
            simulation.expect(gateway.attempts(at: "f") == 4, "f is asked again")
        }
    }
}
