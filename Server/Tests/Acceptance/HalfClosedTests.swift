import Foundation
import Testing
import Wall

/// Callers that close their sending side and stay, for a while.
@Suite(.tags(.measuresTime)) struct HalfClosed {
    private static func flaws(_ acts: [Wall.Act], stream: Bool, leaves: Bool) async throws -> [String] {
        let pair = try await Pair(
            settings: { $0.timeouts = "{ connect: 1s, head: 10s, first_token: 10s, idle: 10s, total: 20s }" }
        ) { _ in acts }
        let line = try await pair.begin(stream: stream)
        var flaws = Flaws()
        flaws.expect(try await eventually { pair.callsToP.count == 1 }, "the call did not arrive")
        await line.finish()
        // Long enough for the first question whether it listens to be answered by its system.
        try await Task.sleep(for: .milliseconds(150))
        flaws.expect(pair.primary.ledger.lines[0].closedAt == nil, "P was left though the caller stays")
        if leaves { await line.close() }
        let left = ContinuousClock.now
        let isOver = try await eventually(.seconds(2)) { pair.primary.ledger.lines[0].closedAt != nil }
        flaws.expect(isOver && pair.primary.ledger.lines[0].closedByPeer, "the provider was not left")
        let delay = (pair.primary.ledger.lines[0].closedAt ?? .now) - left
        flaws.expect(delay < .milliseconds(400), "the provider was left after \(delay)")
        flaws += try await pair.aftermath()
        await line.close()
        return flaws.texts
    }

    @Test(arguments: [false, true])
    func `F53: a caller that half-closes, stays, and then leaves is noticed before the answer begins`(
        stream: Bool
    ) async throws {
        try requireFlawless(try await Self.flaws([.hang], stream: stream, leaves: true))
    }

    @Test func `F53: and in the middle of a stream that stands still`() async throws {
        let acts = [Answer.streamHead, Answer.role()] + Answer.words(["Hello"]) + [.hang]
        try requireFlawless(try await Self.flaws(acts, stream: true, leaves: true))
    }

    @Test func `F53: control: the check finds fault when the caller stays`() async throws {
        let flaws = try await Self.flaws([.hang], stream: false, leaves: false)
        #expect(flaws.contains { $0.hasPrefix("the provider was not left") })
    }

    @Test func `F53: a caller that half-closes for long is asked ever more rarely and served in the end`()
        async throws
    {
        let pair = try await Pair(
            settings: { $0.timeouts = "{ connect: 1s, head: 10s, first_token: 10s, idle: 10s, total: 20s }" }
        ) { [.wait(.milliseconds(2500))] + Answer.good($0) }
        let line = try await pair.begin()
        await line.finish()
        let reply = await line.wait(.seconds(5)) { $0.isWellEnded }
        let raw = String(decoding: reply.raw, as: UTF8.self)
        // At 0, 0.25, 0.75 and 1.75 s.
        let asked = raw.components(separatedBy: "HTTP/1.1 100 Continue").count - 1
        #expect((2...4).contains(asked), "\(asked)")
        #expect(raw.contains(Pair.answerOfP))
        await line.close()
        try requireFlawless(try await pair.aftermath())
    }
}
