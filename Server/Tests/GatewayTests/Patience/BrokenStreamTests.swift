import Generation
import Resilience
import ResilienceTesting
import Synchronization
import Testing

@testable import Gateway

/// Streams that break after a part of them was delivered.
@Suite struct BrokenStreamTests {
    @Test func `the last one who can go on with a stream may take his time`() throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation, [("p", { _, _ in .breakOff }), ("f", { _, _ in .answer(.seconds(6)) })])
            let ending = await gateway.ask(streams: true)
            simulation.expect(ending.isAnswered && ending.ends == 1, "\(ending)")
            simulation.expect(ending.took == .seconds(6), "\(ending.took)")
        }
    }

    @Test func `where somebody else can go on nobody waits for one who is slow`() throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation,
                [
                    ("p", { _, _ in .breakOff }), ("f", { _, _ in .silent }),
                    ("g", { _, _ in .answer(.milliseconds(20)) }),
                ])
            let ending = await gateway.ask(streams: true)
            simulation.expect(ending.isAnswered && ending.provider == "g", "\(ending)")
            simulation.expect(ending.took == .milliseconds(4020), "\(ending.took)")
        }
    }

    private static let refusal = AttemptFailure(
        .invalidRequest, cause: "unsupported_input", phase: .head, status: 400, message: "m")

    @Test(arguments: [false, true])
    func `a target is taken not to go on with texts only if it answers without them`(takesPictures: Bool)
        throws
    {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation,
                [
                    ("p", { _, _ in .breakOff }),
                    (
                        "f",
                        { call, _ in
                            if case .prefilled? = call.goingOn { return .fail(Self.refusal) }
                            return takesPictures ? .answer(.milliseconds(20)) : .fail(Self.refusal)
                        }
                    ),
                ]
            ) { $0.attempts.brokenStreams = .goOn }
            let ending = await gateway.ask(features: .media, streams: true)
            simulation.expect(ending.isAnswered == takesPictures, "\(ending)")
            simulation.expect(
                gateway.health("f")?.pace.takesPrefill == !takesPictures, "what it refused is misunderstood")
            simulation.expect(gateway.attempts(at: "f") == 2, "\(gateway.attempts(at: "f"))")
        }
    }
}
