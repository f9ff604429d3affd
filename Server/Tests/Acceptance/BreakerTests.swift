import Foundation
import Testing
import Wall

/// What the gateway remembers of a provider that failed: its breaker, from the opening to the way back (F60-F62, F70).
@Suite(.tags(.measuresTime)) struct Breakers {
    /// A breaker that opens at the second failure, for 600 ms and a fifth more or less.
    static let quick = "breaker: { minimum_calls: 2, open: 600ms, max_open: 600ms }"
    /// The same, open for longer than any test takes.
    static let long = "breaker: { minimum_calls: 2, open: 60s, max_open: 60s }"
    /// One that never opens.
    static let none = "breaker: { minimum_calls: 100000, consecutive_failures: 0 }"

    /// What the calls of a test ask P or F to do, by the name of their user.
    static let scripts: [String: @Sendable (Wall.Call) -> [Wall.Act]] = [
        "bad": { _ in [Answer.response(503, Answer.error("No."))] },
        "broken": { _ in [Answer.response(500, Answer.error("No."))] },
        "hang": { _ in [.hang] },
        "wrong": { _ in
            [Answer.response(400, Answer.error("No.", type: "invalid_request_error", code: "invalid_value"))]
        },
        "limited": { _ in [Answer.response(429, Answer.error("No.", code: "rate_limit_exceeded"))] },
        "long": { call in
            let good = Answer.good(call)
            return call.streams ? good.prefix(4) + [.wait(.seconds(3))] + good.dropFirst(4) : [.hang]
        },
        "slow": { [.wait(.milliseconds(900))] + Answer.good($0) },
        "slow-bad": { _ in [.wait(.milliseconds(1500)), Answer.response(503, Answer.error("No."))] },
    ]

    /// How long P takes for one of a crowd.
    private static let crowdTime = Duration.seconds(2)

    static func play(_ call: Wall.Call, _ text: String) -> [Wall.Act] {
        // The callers of a crowd are numbered.
        if Int(call.user) != nil { return [.wait(crowdTime)] + Answer.good(call, text) }
        return scripts[call.user]?(call) ?? Answer.good(call, text)
    }

    /// A gateway whose P plays the scripts.
    static func pair(_ breaker: String, places: Int = 1, _ change: (inout Pair.Settings) -> Void = { _ in })
        async throws -> Pair
    {
        try await Pair(
            places: places,
            settings: {
                $0.lines = [breaker]
                change(&$0)
            }
        ) { play($0, Pair.answerOfP) }
    }

    // MARK: F60

    /// Probes that bring no verdict, or a bad one.
    enum Probe: String, CaseIterable, Sendable {
        /// It never answers.
        case hang
        /// Its caller leaves.
        case left
        /// It finds out that its own request is wrong.
        case wrong
        /// It finds P busy, which is no illness.
        case limited
        /// It fails.
        case bad
    }

    @Test(arguments: Probe.allCases, [false, true])
    func `F60: whatever becomes of a probe, the next ones pass and P answers again`(
        probe: Probe, stream: Bool
    ) async throws {
        try requireFlawless(try await Self.flawsOfF60(Self.pair(Self.quick), probe, stream))
    }

    static func flawsOfF60(_ pair: Pair, _ probe: Probe, _ stream: Bool) async throws -> [String] {
        var flaws = Flaws()
        try await pair.openBreaker()
        flaws.expect(try await pair.health().breaker == "open", "the breaker is not open")
        flaws.expect(try await eventually { try await pair.health().breaker == "half_open" }, "it stays open")
        let before = pair.callsToP.count, more = #","user":"\#(probe == .left ? "hang" : probe.rawValue)""#
        if probe == .left {
            let line = try await pair.begin(stream: stream, more: more)
            flaws.expect(try await eventually { pair.callsToP.count > before }, "there was no probe")
            await line.close()
        } else {
            let reply = try await pair.chat(stream: stream, more: more, limit: .seconds(3))
            flaws.expect(pair.callsToP.count > before, "there was no probe")
            flaws +=
                probe == .wrong
                ? reply.flaws(asRefusal: 400, "invalid_value") : reply.flaws(asAnswerOfFWithin: .seconds(3))
        }
        let returned = try await eventually(.seconds(3)) {
            let reply = try await pair.chat(stream: stream, limit: .seconds(2))
            // Until then, F answers.
            flaws.expect(reply.status == 200, "a call meanwhile is answered with \(reply.status)")
            return reply.field("x-holdfast-provider") == "p"
        }
        let health = try await pair.health()
        flaws.expect(returned, "P is not asked any more: \(health)")
        flaws.expect(health.breaker == "closed", "the breaker is \(health.breaker)")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F60: control: without limits for a probe that hangs the check finds fault`() async throws {
        // Alone, P may take its time; beside F, F would be asked as well.
        let pair = try await Self.pair(Self.quick) {
            $0.timeouts = "{ connect: 30s, head: 30s, first_token: 30s, idle: 30s, total: 60s }"
            $0.withFallback = false
        }
        let flaws = try await Self.flawsOfF60(pair, .hang, false)
        #expect(flaws.contains { $0.hasPrefix("the status is 0") }, "the probe's caller has its answer")
    }

    @Test func `F60: a probe whose stream goes on for long has shown what it must with its first words`()
        async throws
    {
        let pair = try await Self.pair(Self.quick) { $0.timeouts = "{ first_token: 1s, idle: 10s }" }
        try await pair.openBreaker()
        #expect(try await eventually { try await pair.health().breaker == "half_open" })
        let probe = try await pair.begin(stream: true, more: #","user":"long""#)
        #expect(await probe.wait(.seconds(2)) { !$0.answer.isEmpty }.answer == "Hello from")
        try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
        #expect(try await pair.health().breaker == "closed")
        #expect(!probe.reply.closed)
        await probe.close()
    }

    @Test func `F60: a success of a call from before the opening does not close the breaker`() async throws {
        let pair = try await Self.pair(Self.long)
        let slow = try await pair.begin(more: #","user":"slow""#)
        #expect(try await eventually { pair.callsToP.count == 1 })
        try await pair.openBreaker()
        let reply = await slow.wait(.seconds(3)) { $0.closed }
        try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(3)))
        #expect(try await pair.health().breaker == "open")
        try requireFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(pair.callsToP.count == 3)
    }

    @Test func `F60: a failure of a call from before the opening does not open the breaker again`()
        async throws
    {
        let pair = try await Self.pair("breaker: { minimum_calls: 1, open: 300ms, max_open: 300ms }") {
            $0.timeouts = "{ head: 5s }"
        }
        let slow = try await pair.begin(more: #","user":"slow-bad""#)
        #expect(try await eventually { pair.callsToP.count == 1 })
        try requireFlawless(
            try await pair.chat(more: #","user":"bad""#).flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(try await eventually { try await pair.health().breaker == "half_open" })
        try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
        #expect(!slow.reply.closed, "the slow call was not slow enough")
        let reply = await slow.wait(.seconds(4)) { $0.closed }
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(4)))
        #expect(try await pair.health().breaker == "closed")
        try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
    }

    // MARK: F61

    @Test func `F61: of 500 callers at the moment the open time ends one is the probe and the others get F`()
        async throws
    {
        try requireFlawless(
            try await Self.flawsOfF61(Self.pair(Self.quick, places: Stage.shared.places, Self.patient), 500))
    }

    private static func patient(_ settings: inout Pair.Settings) {
        settings.timeouts = "{ connect: 5s, head: 10s, first_token: 10s, idle: 5s, total: 20s }"
    }

    /// The probe takes so long that the crowd comes while it is out.
    static func flawsOfF61(_ pair: Pair, _ count: Int) async throws -> [String] {
        var flaws = Flaws()
        try await pair.openBreaker()
        let wait = try await pair.health().wait ?? .zero
        try await Task.sleep(for: wait - .milliseconds(60))
        let before = pair.callsToP.count
        let replies = try await pair.chats(count)
        let good = replies.count { $0.status == 200 }
        flaws.expect(good == count, "\(good) of \(count) were answered")
        let calls = pair.callsToP.dropFirst(before)
        let probes = calls.count { $0.at - (calls.first?.at ?? .now) < crowdTime }
        flaws.expect(probes == 1, "P was probed \(probes) times")
        // The probe's own caller has been given F's answer too; the probe goes on.
        flaws.expect(
            try await eventually { try await pair.health().breaker == "closed" }, "the probe is lost")
        flaws += try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)).of("after the probe")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F61: control: with a breaker that never opens the check finds fault`() async throws {
        let flaws = try await Self.flawsOfF61(
            Self.pair(Self.none, places: Stage.shared.places, Self.patient), 40)
        #expect(flaws.contains("P was probed 40 times"))
    }

    @Test func `F61: callers who wait for the end of the open time send one probe and are answered after it`()
        async throws
    {
        let pair = try await Pair(settings: {
            $0.withFallback = false
            $0.lines = [Self.quick]
        }) { call in
            let isEarly = Int(call.user) == nil
            return isEarly ? Self.play(call, "") : [.wait(.milliseconds(300))] + Answer.good(call)
        }
        try await pair.openBreaker()
        let before = pair.callsToP.count
        for reply in try await pair.chats(60) {
            try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(4)))
        }
        let calls = pair.callsToP.dropFirst(before)
        let probes = calls.count { $0.at - (calls.first?.at ?? .now) < .milliseconds(300) }
        #expect(probes == 1, "P was probed \(probes) times")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F61: breakers that open together do not end their open time together`() async throws {
        let names = (0..<12).map { "m-\($0)" }
        let pair = try await Self.pair("breaker: { minimum_calls: 2, open: 10s, max_open: 10s }") {
            $0.routes = names
        }
        var opened: [ContinuousClock.Instant] = []
        for name in names {
            for _ in 0..<2 { _ = try await pair.chat(name, more: #","user":"bad""#) }
            opened.append(.now)
        }
        var times: [Duration] = []
        for (name, moment) in zip(names, opened) {
            let wait = try #require(try await pair.health("p/\(name)").wait)
            times.append(wait + (ContinuousClock.now - moment))
        }
        #expect(times.allSatisfy { $0 > .milliseconds(7900) && $0 < .milliseconds(12300) }, "\(times)")
        let spread = (times.max() ?? .zero) - (times.min() ?? .zero)
        #expect(spread > .milliseconds(500), "there is no jitter in \(times)")
    }

    // MARK: F70

    /// What callers do wrong, again and again, and how P answers it.
    private static let mistakes: [(name: String, status: Int, code: String)] = [
        ("bad-value", 400, "invalid_value"), ("too-long", 400, "context_length_exceeded"),
        ("filtered", 400, "content_policy_violation"), ("too-large", 413, "too_large"),
        ("unprocessable", 422, "invalid_value"), ("unknown", 404, "model_not_found"),
        ("limited", 429, "rate_limit_exceeded"),
    ]

    @Test func `F70: mistakes of callers and their leaving do not open the breaker`() async throws {
        let pair = try await Self.mistaken { call in
            let mistake = Self.mistakes.first { $0.name == call.model }
            return [
                Answer.response(
                    mistake?.status ?? 400,
                    Answer.error("No.", type: "invalid_request_error", code: mistake?.code))
            ]
        }
        try requireFlawless(try await Self.flawsOfF70(pair))
    }

    private static func mistaken(_ script: @escaping @Sendable (Wall.Call) -> [Wall.Act]) async throws -> Pair
    {
        try await Pair(settings: {
            $0.lines = [long, "retry: { patience: 0s }"]
            $0.routes = mistakes.map(\.name) + ["left"]
        }) { call in
            if call.user == "good" { return Answer.good(call) }
            return call.model == "left"
                ? (call.streams ? [Answer.streamHead, Answer.role()] + Answer.words(["Hello"]) : []) + [.hang]
                : script(call)
        }
    }

    static func flawsOfF70(_ pair: Pair) async throws -> [String] {
        var flaws = Flaws()
        for (name, _, _) in mistakes {
            for number in 0..<6 { _ = try await pair.chat(name, stream: number % 2 == 0) }
        }
        for number in 0..<6 {
            let line = try await pair.begin("left", stream: number % 2 == 0)
            flaws.expect(
                try await eventually { pair.callsToP(for: "left").count == number + 1 }, "left: no call")
            if number % 2 == 0 { await line.wait(.seconds(1)) { !$0.answer.isEmpty } }
            if number < 3 { await line.close() } else { await line.reset() }
        }
        flaws.expect(try await eventually { try await pair.requests() == 0 }, "requests are left")
        for name in mistakes.map(\.name) + ["left"] {
            let calls = pair.callsToP(for: name).count
            flaws.expect(calls == 6, "\(name): P was asked \(calls) times by six callers")
            let health = try await pair.health("p/\(name)")
            flaws.expect(health.breaker == "closed", "\(name): the breaker is \(health.breaker)")
            let reply = try await pair.chat(name, more: #","user":"good""#)
            flaws += reply.flaws(asAnswerOfPWithin: .seconds(1)).of("after \(name)")
        }
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F70: control: the check finds fault when P itself fails`() async throws {
        let pair = try await Self.mistaken { _ in [Answer.response(503, Answer.error("No."))] }
        let flaws = try await Self.flawsOfF70(pair)
        for (name, _, _) in Self.mistakes {
            #expect(flaws.contains("\(name): the breaker is open"), "\(name)")
        }
    }
}

extension Pair {
    /// Lets P fail twice.
    func openBreaker(_ model: String = "chat") async throws {
        for _ in 0..<2 { _ = try await chat(model, more: #","user":"bad""#) }
    }
}
