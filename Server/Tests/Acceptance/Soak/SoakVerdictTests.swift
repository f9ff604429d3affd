import Testing
import Wall

/// What a soak would find if there were no gateway: its callers ask P itself.
@Suite struct SoakVerdicts {
    private static let plan = SoakPlan(seed: 1)

    private static func verdict(of fault: String, stream: Bool) async throws -> SoakVerdict {
        let player = FaultPlayer()
        let wall = Wall { call in
            let text = plan.textOfP(call.user)
            guard let fault = Fault.named("fault-" + fault) else {
                return Answer.good(call, text) + [.finish]
            }
            return player.play(fault, for: call, text: text) + [.finish]
        }
        let request = SoakPlan.Request(user: "u1-1", model: "m", stream: stream, pause: .zero)
        let reply = try await Client.chat(wall.start(), stream: stream, more: #","user":"u1-1""#)
        return SoakVerdict(reply, to: request, plan, mayBeCut: false)
    }

    @Test(
        arguments: ["F33-close", "F33-reset", "F34", "F5-close", "F25-null", "F29-short", "F46"],
        [false, true])
    func `an answer that is cut short is a flaw`(fault: String, stream: Bool) async throws {
        let verdict = try await Self.verdict(of: fault, stream: stream)
        guard case .flaw = verdict else {
            Issue.record("\(fault) passes as \(verdict)")
            return
        }
    }

    @Test func `so is an error that is told and then ended as if it were none`() async throws {
        guard case .flaw = try await Self.verdict(of: "F39", stream: true) else {
            Issue.record("it passes")
            return
        }
    }

    @Test(arguments: ["good", "F42-cr", "F42-mixed", "F45"], [false, true])
    func `a right answer is whole, however its lines end`(fault: String, stream: Bool) async throws {
        #expect(try await Self.verdict(of: fault, stream: stream) == .whole(by: "none"))
    }

    @Test(arguments: [false, true])
    func `a refusal is told with its code`(stream: Bool) async throws {
        let verdict = try await Self.verdict(of: "F20-context", stream: stream)
        #expect(verdict == .refused(400, "context_length_exceeded"))
    }
}
