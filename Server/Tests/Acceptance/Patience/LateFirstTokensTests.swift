import Foundation
import Testing
import Wall

/// Providers that think for long before their first word: impatience is right only while somebody else can take over.
///
/// `first_token` and `head` are 1 s in these tests, and P takes 2 s.
@Suite(.tags(.measuresTime)) struct LateFirstTokens {
    /// How a late answer begins.
    enum Beginning: CaseIterable, Sendable {
        /// The head comes at once and the first token after two seconds, as of a model that thinks.
        case earlyHead
        /// Nothing comes for two seconds, as of a model that is being loaded.
        case lateHead
    }

    private static let time = Duration.seconds(2)

    /// A good answer that begins late.
    static func late(_ call: Wall.Call, _ beginning: Beginning) -> [Wall.Act] {
        let good = Answer.good(call)
        guard call.streams, beginning == .earlyHead else { return [.wait(time)] + good }
        return good.prefix(1) + [.wait(time)] + good.dropFirst()
    }

    private static func alone(
        _ wholeAnswers: String = "stream", _ change: @escaping (inout Pair.Settings) -> Void = { _ in },
        _ script: @escaping @Sendable (Wall.Call) -> [Wall.Act]
    ) async throws -> Pair {
        try await Pair(
            settings: {
                $0.withFallback = false
                $0.wholeAnswers = wholeAnswers
                change(&$0)
            }, script)
    }

    // MARK: Nobody else

    @Test(arguments: ["plain", "stream", "auto"], Beginning.allCases)
    func `a lone provider is waited for beyond the limit for its first token`(
        wholeAnswers: String, beginning: Beginning
    ) async throws {
        let pair = try await Self.alone(wholeAnswers) { Self.late($0, beginning) }
        for stream in [false, true] {
            let reply = try await pair.chat(stream: stream)
            try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(4)).of(stream ? "stream" : "whole"))
            #expect(try await pair.steps(reply, at: "p/p-1").count == 1)
        }
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `a crowd that waits for a lone provider opens no breaker`() async throws {
        let pair = try await Self.alone("stream", { $0.lines = ["breaker: { minimum_calls: 2 }"] }) {
            Self.late($0, .lateHead)
        }
        for reply in try await pair.chats(12, stream: true) + pair.chats(4) {
            try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(5)))
        }
        #expect(try await pair.health().breaker == "closed")
    }

    @Test func `a lone provider that never answers is given up at the total limit, which the error names`()
        async throws
    {
        let pair = try await Self.alone(
            "stream",
            {
                $0.timeouts = "{ connect: 1s, head: 1s, first_token: 1s, idle: 1s, total: 2500ms }"
                $0.lines = ["breaker: { minimum_calls: 2 }"]
            }
        ) { _ in [.hang] }
        for reply in try await pair.chats(4, stream: true) + pair.chats(4) {
            #expect(reply.status == 504 && reply.errorCode == "upstream_timeout")
            #expect(reply.elapsed > .milliseconds(2300), "it was given up after \(reply.elapsed)")
            #expect(reply.elapsed < .seconds(4), "it was given up after \(reply.elapsed)")
            #expect(reply.errorMessage?.contains("total") ?? false, "\(reply.errorMessage ?? "no message")")
            let steps = try await pair.steps(reply, at: "p/p-1")
            #expect(steps.count == 1 && "\(steps)".contains("total"), "\(steps)")
        }
        #expect(try await pair.health().breaker == "closed", "slowness with no alternative opens it")
    }

    @Test(arguments: [false, true])
    func `an answer of a lone provider that stalls after its first word is given up at the idle limit`(
        stream: Bool
    ) async throws {
        let pair = try await Self.alone { call in
            let late = Self.late(call, .earlyHead)
            return late.prefix(5) + [.hang]
        }
        let reply = try await pair.chat(stream: stream)
        // A whole answer, of which the caller has nothing yet, may be asked for once more.
        #expect(reply.elapsed > .milliseconds(2800) && reply.elapsed < .seconds(8), "\(reply.elapsed)")
        if stream {
            try requireFlawless(reply.flaws(asBrokenStreamAfter: "Hello from", within: .seconds(6)))
        } else {
            #expect(reply.status == 504 && reply.errorCode == "upstream_timeout")
        }
        #expect(reply.errorMessage?.contains("idle") ?? false, "\(reply.errorMessage ?? "no message")")
    }

    /// F is left alone since it asked for it, or since its breaker is open.
    @Test(arguments: [429, 503], [false, true])
    func `while all others are down the last provider is waited for like a lone one`(
        status: Int, stream: Bool
    ) async throws {
        let p = Wall { Self.late($0, .lateHead) }
        let f = Wall { _ in
            let fields = status == 429 ? ["retry-after: 30"] : []
            return [Answer.response(status, Answer.error("No."), fields: fields)]
        }
        let gateway = try await GatewayProcess(
            """
            providers:
              p: { kind: openai, base_url: "http://127.0.0.1:\(try await p.start())/v1", api_key: none }
              f: { kind: openai, base_url: "http://127.0.0.1:\(try await f.start())/v1", api_key: none }
            models:
              chat: { targets: [ { provider: p, model: m }, { provider: f, model: m } ], \(Self.quick) }
              only-f: { targets: [ { provider: f, model: m } ], \(Self.quick), retry: { patience: 0s } }
            """)
        defer { withExtendedLifetime((p, f)) { gateway.stop() } }
        for _ in 0..<2 { #expect(try await Client.chat(gateway.port, model: "only-f").status == status) }
        let callsToF = f.ledger.calls.count
        let reply = try await Client.chat(gateway.port, stream: stream)
        try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(4)))
        #expect(p.ledger.calls.count == 1 && f.ledger.calls.count == callsToF)
    }

    private static let quick =
        "timeouts: { first_token: 1s, head: 1s }, breaker: { minimum_calls: 2, open: 30s, max_open: 30s }"

    // MARK: Somebody else

    @Test(arguments: [false, true], Beginning.allCases)
    func `control: beside a healthy provider the limits hold, and after three in a row it is passed over`(
        stream: Bool, beginning: Beginning
    ) async throws {
        let pair = try await Pair(settings: { $0.wholeAnswers = "stream" }) { Self.late($0, beginning) }
        for number in 0..<6 {
            let reply = try await pair.chat(stream: stream)
            try requireFlawless(reply.flaws(asAnswerOfFWithin: number < 3 ? .seconds(2) : .milliseconds(700)))
        }
        #expect(pair.callsToP.count == 3, "P was asked \(pair.callsToP.count) times")
        #expect(try await pair.health().breaker == "open")
    }

    @Test func `what is told of a provider that was given up for another one names first_token`() async throws
    {
        let pair = try await Pair { call in
            call.streams ? [Answer.streamHead, .hang] : [.hang]
        }
        let reply = try await pair.chat(stream: true)
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(2)))
        let steps = try await pair.steps(reply, at: "p/p-1")
        #expect(steps.count == 1 && steps.first?["phase"] as? String == "first_token", "\(steps)")
        #expect("\(steps)".contains("timeouts.first_token"), "\(steps)")
    }

    @Test func `when each of two providers is silent the error names a limit that was met`() async throws {
        let pair = try await Pair(
            settings: {
                $0.timeouts = "{ connect: 1s, head: 1s, first_token: 1s, idle: 1s, total: 2500ms }"
            }, fallback: { _ in [.hang] }
        ) { _ in [.hang] }
        for stream in [false, true] {
            let reply = try await pair.chat(stream: stream, limit: .seconds(5))
            #expect(reply.status == 504 && reply.errorCode == "upstream_timeout")
            #expect(reply.elapsed > .milliseconds(2300) && reply.elapsed < .seconds(4), "\(reply.elapsed)")
            let message = reply.errorMessage ?? "no message"
            #expect(
                ["head", "first_token", "total"].contains { message.contains("timeouts.\($0)") }, "\(message)"
            )
        }
    }

    // MARK: Probes

    @Test(arguments: [false, true])
    func `a probe that hangs beside a healthy provider costs its caller far less than the limit`(stream: Bool)
        async throws
    {
        let pair = try await Pair(settings: {
            $0.timeouts = "{ connect: 1s, head: 2s, first_token: 2s, idle: 2s, total: 20s }"
            $0.lines = [Breakers.quick]
        }) { Breakers.play($0, Pair.answerOfP) }
        try await pair.openBreaker()
        #expect(try await eventually { try await pair.health().breaker == "half_open" })
        let reply = try await pair.chat(stream: stream, more: #","user":"hang""#)
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .milliseconds(1200)).of("the probe"))
        #expect(reply.elapsed > .milliseconds(200), "the probe has a moment to itself")
        let probe = try #require(pair.callsToP.first { $0.user == "hang" }, "there was no probe")
        let next = try await pair.chat(stream: stream)
        try requireFlawless(next.flaws(asAnswerOfFWithin: .milliseconds(700)).of("beside the probe"))
        #expect(pair.callsToP.last?.user == "hang", "P was asked while the probe was out")
        // It may go on to find out how P is, within the limit.
        let isLeft = try await eventually { pair.primary.ledger.lines[probe.connection].closedAt != nil }
        #expect(isLeft, "the probe was left running")
        #expect(try await pair.health().breaker != "closed", "a probe without an answer closes nothing")
        let returned = try await eventually {
            try await pair.chat(stream: stream).field("x-holdfast-provider") == "p"
        }
        #expect(returned, "P is not asked any more")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `a probe that answers within a moment is what its caller gets, and nobody else is asked`()
        async throws
    {
        let pair = try await Breakers.pair(Breakers.quick)
        try await pair.openBreaker()
        #expect(try await eventually { try await pair.health().breaker == "half_open" })
        let before = pair.callsToF.count
        try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
        #expect(pair.callsToF.count == before)
        #expect(try await pair.health().breaker == "closed")
    }
}
