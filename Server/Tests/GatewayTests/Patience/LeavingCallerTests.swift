import Generation
import Resilience
import ResilienceTesting
import Routing
import Synchronization
import Testing

@testable import Gateway

/// Callers who leave while two targets are asked beside each other.
@Suite struct LeavingCallerTests {
    @Test
    func
        `a caller that leaves while a hedge runs, after the first attempt has failed, is booked as one that left`()
        throws
    {
        try VirtualGateway.run { simulation in
            let down = AttemptFailure(
                .transient, cause: "reset", phase: .head, message: "m")
            let act: @Sendable (ProviderCall, Duration) -> VirtualGateway.Act = { _, now in
                now < .seconds(20) ? .answer(.milliseconds(300)) : .failAfter(.seconds(3), down)
            }
            let gateway = VirtualGateway(simulation, strategy: .adaptive, [("a", act), ("b", act)]) {
                $0.attempts.wholeAnswers = .stream
            }
            while simulation.time.now.sinceOrigin < .seconds(20) { _ = await gateway.ask() }
            let before = gateway.attempts
            let call = simulation.start("caller", cancellable: false) { await gateway.ask() }
            try await simulation.time.sleep(for: .milliseconds(2900))
            simulation.expect(gateway.attempts == before + 2, "there is no hedge")
            try await simulation.time.sleep(for: .milliseconds(200))
            call.cancel()
            let ending = try await call.result.get()
            simulation.expect(ending.decision?.ending == .callerLeft, "\(ending)")
        }
    }

    @Test(arguments: [100, 400])
    func `a caller that leaves while a probe runs, alone or beside another attempt, leaves nothing behind`(
        after: Int
    )
        throws
    {
        try VirtualGateway.run { simulation in
            let isIll = Atomic(true)
            let gateway = VirtualGateway(
                simulation,
                [
                    ("p", { _, _ in isIll.load(ordering: .relaxed) ? .error : .silent }),
                    ("f", { _, now in .answer(now < .seconds(5) ? .milliseconds(20) : .seconds(3)) }),
                ])
            for _ in 0..<3 { _ = await gateway.ask() }
            isIll.store(false, ordering: .relaxed)
            try await simulation.time.sleep(for: .seconds(7))
            let call = simulation.start("caller", cancellable: false) { await gateway.ask() }
            try await simulation.time.sleep(for: .milliseconds(after))
            call.cancel()
            let left = simulation.time.now, ending = try await call.result.get()
            simulation.expect(ending.decision?.ending == .callerLeft, "\(ending)")
            simulation.expect(
                simulation.time.now == left, "it goes on for \(simulation.time.now.since(left))")
        }
    }
}
