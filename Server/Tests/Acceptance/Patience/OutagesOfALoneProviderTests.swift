import Foundation
import Testing
import Wall

/// Short outages of a provider that nobody can take over from: they are waited out, and are over when they are over.
@Suite(.tags(.measuresTime)) struct OutagesOfALoneProvider {
    /// How P fails.
    enum Outage: String, CaseIterable, Sendable {
        /// It refuses connections.
        case refuses
        /// It says that it loads its model.
        case loads

        /// What a failed request is told.
        var status: Int { self == .refuses ? 502 : 503 }
    }

    /// A gateway and a P that closes its connection after each answer, so that none is there when it goes away.
    ///
    /// - Parameter isDown: Whether P says that it loads its model.
    private static func pair(isDown: Flag, _ lines: [String] = []) async throws -> Pair {
        try await Pair(settings: {
            $0.withFallback = false
            $0.lines = lines
        }) { call in
            let error = #"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#
            let leave = ["connection: close"]
            if isDown.value { return [Answer.response(503, error, fields: leave), .finish] }
            guard call.streams else {
                return [Answer.response(200, Answer.completion(), fields: leave), .finish]
            }
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
                + "connection: close\r\n\r\n"
            return [.text(head)] + Answer.good(call).dropFirst() + [.finish]
        }
    }

    private static func port(_ pair: Pair) -> Int { URL(string: pair.settings.primaryURL)?.port ?? 0 }

    private static func begin(_ outage: Outage, of pair: Pair, _ isDown: Flag) async throws {
        switch outage {
        case .refuses: try await pair.primary.stop()
        case .loads: isDown.value = true
        }
    }

    private static func end(_ outage: Outage, of pair: Pair, _ isDown: Flag) async throws {
        switch outage {
        case .refuses: try await pair.primary.start(port: port(pair))
        case .loads: isDown.value = false
        }
    }

    // MARK: One request

    @Test(arguments: Outage.allCases, [false, true])
    func `a request that comes while a lone provider restarts is answered when it is back`(
        outage: Outage, stream: Bool
    ) async throws {
        let isDown = Flag(), pair = try await Self.pair(isDown: isDown)
        try requireFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfPWithin: .seconds(1)))
        for absence in [Duration.milliseconds(150), .milliseconds(700), .seconds(2)] {
            try await Self.begin(outage, of: pair, isDown)
            async let reply = pair.chat(stream: stream)
            try await Task.sleep(for: absence)
            try await Self.end(outage, of: pair, isDown)
            let limit = absence + .milliseconds(1200)
            try requireFlawless(try await reply.flaws(asAnswerOfPWithin: limit).of("after \(absence)"))
        }
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: Outage.allCases)
    func
        `a provider that stays away is waited for within the patience, in growing waits, and then it is told`(
            outage: Outage
        ) async throws
    {
        let isDown = Flag(), pair = try await Self.pair(isDown: isDown, ["retry: { patience: 1500ms }"])
        try await Self.begin(outage, of: pair, isDown)
        let reply = try await pair.chat()
        #expect(reply.status == outage.status, "\(reply.status): \(reply.body)")
        #expect(reply.elapsed > .milliseconds(700), "it was given up after \(reply.elapsed)")
        #expect(reply.elapsed < .milliseconds(2500), "it was given up after \(reply.elapsed)")
        let steps = try await pair.steps(reply, at: "p/p-1")
        #expect((3...5).contains(steps.count), "it was asked \(steps.count) times")
        if outage == .loads {
            let pauses = pair.callsToP(for: "p-1").pauses
            #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 < $1 * 1.5 }, "\(pauses) do not grow")
        }
    }

    @Test(arguments: [Wall.Act.reset, .finish])
    func `control: a request that was read and then cut off is not waited out`(act: Wall.Act) async throws {
        let pair = try await Pair(settings: { $0.withFallback = false }) { _ in [act] }
        let reply = try await pair.chat()
        #expect(reply.status == 502)
        #expect(reply.elapsed < .seconds(1))
        #expect(pair.callsToP.count <= 2, "P may have worked on each of \(pair.callsToP.count) requests")
    }

    @Test(arguments: Outage.allCases)
    func `control: with somebody else nobody waits for a provider that is away`(outage: Outage) async throws {
        let isDown = Flag()
        let pair = try await Pair { call in
            isDown.value ? [Answer.response(503, Answer.error("Loading model"))] : Answer.good(call)
        }
        try await Self.begin(outage, of: pair, isDown)
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .milliseconds(700)))
        #expect(try await pair.steps(reply, at: "p/p-1").count == 1)
    }

    // MARK: Many requests

    /// A breaker that opens soon and would stay open for longer than any test takes.
    private static let long = "breaker: { minimum_calls: 4, open: 20s, max_open: 20s }"

    /// Lets callers ask a P that goes away for `length` after a second. They ask as soon as they have an answer, which
    /// takes P 100 ms, or 50 ms after a failure.
    private static func play(_ pair: Pair, _ outage: Outage, _ isDown: Flag, for length: Duration)
        async throws
        -> [(begun: Duration, reply: Client.Reply)]
    {
        let start = ContinuousClock.now, end = start + .seconds(1) + length + .seconds(3)
        return try await withThrowingTaskGroup(of: [(begun: Duration, reply: Client.Reply)].self) { tasks in
            for caller in 0..<callers {
                tasks.addTask {
                    var replies: [(begun: Duration, reply: Client.Reply)] = []
                    while ContinuousClock.now < end {
                        let begun = ContinuousClock.now - start
                        let reply = try await pair.chat(stream: caller % 2 == 0)
                        replies.append((begun, reply))
                        try await Task.sleep(for: .milliseconds(reply.status == 200 ? 150 : 50))
                    }
                    return replies
                }
            }
            try await Task.sleep(for: .seconds(1))
            try await begin(outage, of: pair, isDown)
            try await Task.sleep(for: length)
            try await Self.end(outage, of: pair, isDown)
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
    }

    private static let callers = 8

    @Test(arguments: Outage.allCases, [Duration.milliseconds(150), .seconds(1), .seconds(4)])
    func `an outage of a lone provider does not outlast itself and is not made worse`(
        outage: Outage, length: Duration
    ) async throws {
        let isDown = Flag(), pair = try await Self.pair(isDown: isDown, [Self.long])
        let replies = try await Self.play(pair, outage, isDown, for: length)
        let recovered = Duration.seconds(1) + length + .milliseconds(1200)
        let inVain = replies.filter { $0.begun > recovered && $0.reply.status != 200 }
        #expect(
            inVain.isEmpty, "\(inVain.count) failed that came after the recovery: \(inVain[0].reply.body)")
        let slow = replies.filter { $0.begun > recovered && $0.reply.elapsed > .milliseconds(700) }
        #expect(slow.isEmpty, "\(slow.count) waited that came after the recovery")
        if length < .seconds(2) {
            let failed = replies.filter { $0.reply.status != 200 }.map(\.reply)
            let why = failed.isEmpty ? "" : try await pair.why(failed[0])
            #expect(failed.isEmpty, "\(failed.count) failed within the patience: \(why)")
        }
        let classes = ["ok", "system_error", "provider_overload", "transient", "timeout", "cancelled"]
        var attempts = 0
        for name in classes {
            attempts += try await pair.metric(#"holdfast_attempts_total{target="p/p-1",class="\#(name)"}"#)
        }
        let allowed = replies.count * 11 / 10 + Self.callers
        #expect(attempts <= allowed, "\(attempts) attempts for \(replies.count) requests")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `while the breaker of a lone provider is open it is probed twice a second at most`()
        async throws
    {
        let isDown = Flag(),
            pair = try await Self.pair(isDown: isDown, [Self.long, "retry: { patience: 0s }"])
        isDown.value = true
        for _ in 0..<6 { _ = try await pair.chat() }
        #expect(try await pair.health().breaker != "closed")
        let before = pair.callsToP.count, begun = ContinuousClock.now
        while ContinuousClock.now - begun < .seconds(3) {
            let reply = try await pair.chat()
            #expect(reply.status == 503)
            try await Task.sleep(for: .milliseconds(20))
        }
        let probes = pair.callsToP.count - before
        #expect((3...9).contains(probes), "P was probed \(probes) times in three seconds")
        isDown.value = false
        try await Task.sleep(for: .milliseconds(1200))
        try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .milliseconds(700)))
        #expect(try await pair.health().breaker == "closed")
    }

    @Test func `nothing is sent to a lone provider that is out of use unless somebody asks`() async throws {
        let isDown = Flag(),
            pair = try await Self.pair(isDown: isDown, [Self.long, "retry: { patience: 0s }"])
        isDown.value = true
        for _ in 0..<6 { _ = try await pair.chat() }
        let before = pair.callsToP.count, lines = pair.primary.ledger.lines.count
        try await Task.sleep(for: .milliseconds(1700))
        #expect(pair.callsToP.count == before && pair.primary.ledger.lines.count == lines)
    }

    @Test func `requests that wait for a lone provider go on as soon as a probe has succeeded`() async throws
    {
        let isDown = Flag(), pair = try await Self.pair(isDown: isDown, [Self.long])
        isDown.value = true
        async let first = pair.chats(6)
        #expect(try await eventually { try await pair.health().breaker != "closed" })
        async let second = pair.chats(6, stream: true)
        try await Task.sleep(for: .milliseconds(300))
        isDown.value = false
        let end = ContinuousClock.now
        let replies = try await first + second
        for reply in replies { try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(3))) }
        #expect(ContinuousClock.now - end < .milliseconds(1500), "they waited for more than a probe")
    }

    // MARK: What the provider asks for

    @Test(arguments: [429, 503], [false, true])
    func
        `a lone provider that asks to be left alone for longer than the patience is left alone, and it is told`(
            status: Int, stream: Bool
        ) async throws
    {
        let pair = try await Pair(settings: { $0.withFallback = false }) { _ in
            [Answer.response(status, Answer.error("No."), fields: ["retry-after: 30"])]
        }
        let reply = try await pair.chat(stream: stream)
        #expect(reply.status == status)
        #expect(reply.elapsed < .seconds(1))
        #expect(pair.callsToP.count == 1)
        let wait = reply.field("retry-after-ms").flatMap { Int($0) } ?? 0
        #expect((25_000...30_000).contains(wait), "retry-after-ms is \(wait)")
        #expect(reply.field("x-should-retry") == "true")
    }

    @Test(arguments: [429, 503])
    func `a lone provider is asked again no sooner than it wishes`(status: Int) async throws {
        let pair = try await Pair(settings: { $0.withFallback = false }) { call in
            call.number == 0
                ? [Answer.response(status, Answer.error("No."), fields: ["retry-after: 1"])]
                : Answer.good(call)
        }
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asAnswerOfPWithin: .milliseconds(2500)))
        #expect(pair.callsToP(for: "p-1").pauses.allSatisfy { $0 >= .seconds(1) })
    }
}
