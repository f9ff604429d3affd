import Foundation
import Testing
import Wall

/// What the gateway remembers for all requests: cooldowns, budgets and places, and that no reload or departure loses
/// any of it (F62-F66, F71).
@Suite(.tags(.measuresTime)) struct SharedState {
    private static func limited(_ wait: String) -> Wall.Act {
        Answer.response(
            429, Answer.error("No.", code: "rate_limit_exceeded"), fields: ["retry-after: \(wait)"])
    }

    private static let failure = Answer.response(503, Answer.error("No."))

    // MARK: F62

    /// How P or F is put out of use, and for how long.
    struct Outage: Sendable {
        var act: Wall.Act
        var isCooling: Bool

        static let breaker = Outage(act: SharedState.failure, isCooling: false)
        static func cooling(_ wait: String) -> Outage {
            Outage(act: SharedState.limited(wait), isCooling: true)
        }
    }

    /// A gateway whose P and F are both out of use, until their times are over.
    private static func outage(_ p: Outage, _ f: Outage, breaker: String, patience: String = "2500ms")
        async throws -> Pair
    {
        let pair = try await Pair(
            settings: {
                $0.lines = ["breaker: { minimum_calls: 2, \(breaker) }", "retry: { patience: \(patience) }"]
            }, fallback: { $0.user == "bad" ? [f.act] : Answer.good($0, Pair.answerOfF, model: "f-1") }
        ) { $0.user == "bad" ? [p.act] : Breakers.play($0, Pair.answerOfP) }
        for _ in 0..<2 { _ = try await pair.chat(more: #","user":"bad""#) }
        return pair
    }

    @Test(arguments: [
        (Outage.cooling("40"), Outage.cooling("30"), 429, "rate_limit_exceeded"),
        (.cooling("30"), .cooling("40"), 429, "rate_limit_exceeded"),
    ])
    func `F62: when nobody can be asked soon the caller is told at once when somebody can`(
        p: Outage, f: Outage, status: Int, code: String
    ) async throws {
        let pair = try await Self.outage(p, f, breaker: "open: 20s, max_open: 20s")
        let calls = pair.callsToP.count + pair.callsToF.count
        for stream in [false, true] {
            let reply = try await pair.chat(stream: stream)
            let waits = [try await pair.health().wait, try await pair.health("f/f-1").wait].compactMap(\.self)
            #expect(waits.count == 2, "both are out of use")
            try requireFlawless(reply.flaws(asRefusal: status, code, repeatable: true))
            let told = Duration.milliseconds(try #require(reply.field("retry-after-ms").flatMap { Int($0) }))
            let soonest = try #require(waits.min())
            #expect(told >= soonest && told < soonest + .milliseconds(500), "\(told) is not \(waits)")
            let seconds = try #require(reply.field("retry-after").flatMap { Int($0) })
            #expect(.seconds(seconds) >= told && .seconds(seconds) < told + .seconds(1))
        }
        #expect(pair.callsToP.count + pair.callsToF.count == calls, "somebody was asked nevertheless")
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: [
        (Outage.breaker, Outage.breaker), (.cooling("40"), .breaker), (.breaker, .cooling("10")),
    ])
    func `F62: when nobody else can be asked an open breaker is tried early, and the caller is answered`(
        p: Outage, f: Outage
    ) async throws {
        let pair = try await Self.outage(p, f, breaker: "open: 20s, max_open: 20s")
        for stream in [false, true] {
            let reply = try await pair.chat(stream: stream)
            #expect(reply.status == 200, "\(reply.body)")
            #expect(reply.elapsed < .seconds(1))
        }
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: [
        (Outage.breaker, Outage.cooling("30"), true), (.cooling("30"), .breaker, false),
    ])
    func `F62: when nobody can be asked now the one who can be first is waited for and answers`(
        p: Outage, f: Outage, answersP: Bool
    ) async throws {
        let pair = try await Self.outage(p, f, breaker: "open: 900ms, max_open: 900ms")
        for stream in [false, true] {
            let reply = try await pair.chat(stream: stream)
            let limit = Duration.seconds(3)
            try requireFlawless(
                answersP ? reply.flaws(asAnswerOfPWithin: limit) : reply.flaws(asAnswerOfFWithin: limit))
        }
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: [false, true])
    func `F62: while the only one left is being probed others wait for it and are answered`(stream: Bool)
        async throws
    {
        let pair = try await Self.outage(.breaker, .cooling("30"), breaker: "open: 400ms, max_open: 400ms")
        try requireFlawless(try await Self.flawsOfProbing(pair, stream))
    }

    static func flawsOfProbing(_ pair: Pair, _ stream: Bool) async throws -> [String] {
        var flaws = Flaws()
        let isReady = try await eventually { try await pair.health().breaker == "half_open" }
        flaws.expect(isReady, "P is not to be probed")
        let before = pair.callsToP.count
        let probe = try await pair.begin(stream: stream, more: #","user":"slow""#)
        flaws.expect(try await eventually { pair.callsToP.count > before }, "there is no probe")
        let replies = try await withThrowingTaskGroup(of: Client.Reply.self) { tasks in
            for _ in 0..<10 { tasks.addTask { try await pair.chat(stream: stream) } }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        for reply in replies { flaws += reply.flaws(asAnswerOfPWithin: .seconds(4)) }
        flaws += await probe.wait(.seconds(3)) { $0.closed }.flaws(asAnswerOfPWithin: .seconds(3)).of("probe")
        return flaws.texts
    }

    @Test func `F62: control: without patience the check finds fault`() async throws {
        let pair = try await Self.outage(
            .breaker, .cooling("30"), breaker: "open: 400ms, max_open: 400ms", patience: "0s")
        #expect(try await Self.flawsOfProbing(pair, false).contains { $0.contains("the status is 503") })
    }

    // MARK: F63

    /// Two failures of calls that run at the same time, in the order in which P answers them.
    @Test(arguments: [("20", "3"), ("3", "20"), ("20", "-1"), ("20", "soon")], [false, true])
    func `F63: of two wishes to be left alone the longer one is kept, whichever comes first`(
        waits: (String, String), stream: Bool
    ) async throws {
        let pair = try await Pair(settings: { $0.lines = ["retry: { patience: 100ms }"] }) { call in
            let isFirst = call.user == "first"
            return [.wait(.milliseconds(isFirst ? 300 : 450)), Self.limited(isFirst ? waits.0 : waits.1)]
        }
        let lines = [
            try await pair.begin(stream: stream, more: #","user":"first""#),
            try await pair.begin(stream: stream, more: #","user":"second""#),
        ]
        for line in lines {
            let reply = await line.wait(.seconds(3)) { $0.closed }
            try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(2)))
        }
        #expect(pair.callsToP.count == 2)
        let health = try await pair.health()
        let wait = try #require(health.wait)
        #expect(health.cooling == "rate_limit" && wait > .seconds(17) && wait <= .seconds(20), "\(health)")
        try requireFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(pair.callsToP.count == 2)
    }

    // MARK: F64

    /// Ways to know that P is to be left alone: by its breaker or by its own wish.
    @Test(arguments: [Outage.breaker, .cooling("30")], [false, true])
    func `F64: once a caller was told that P is out of use no other request asks P, on whatever thread`(
        outage: Outage, stream: Bool
    ) async throws {
        let pair = try await Self.learning(outage, Breakers.long)
        try requireFlawless(try await Self.flawsOfF64(pair, stream))
    }

    private static func learning(_ outage: Outage, _ breaker: String) async throws -> Pair {
        try await Pair(settings: {
            $0.lines = [breaker]
            $0.threads = 4
        }) { $0.user == "bad" ? [outage.act] : Answer.good($0) }
    }

    static func flawsOfF64(_ pair: Pair, _ stream: Bool) async throws -> [String] {
        var flaws = Flaws()
        try await pair.openBreaker()
        let before = pair.callsToP.count
        for reply in try await pair.chats(60, stream: stream) {
            flaws += reply.flaws(asAnswerOfFWithin: .seconds(3))
        }
        let calls = pair.callsToP.count - before
        flaws.expect(calls == 0, "P was asked \(calls) times")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F64: control: with a breaker that never opens the check finds fault`() async throws {
        let pair = try await Self.learning(.breaker, Breakers.none)
        #expect(try await Self.flawsOfF64(pair, false).contains("P was asked 60 times"))
    }

    // MARK: F66

    @Test(arguments: [true, false])
    func `F66: a thousand failures at once cost P little more than a thousand calls`(withFallback: Bool)
        async throws
    {
        let pair = try await Self.failing { $0.withFallback = withFallback }
        let (replies, flaws) = try await Self.flawsOfF66(pair, ["chat"], 1000)
        try requireFlawless(flaws)
        for reply in replies {
            if withFallback {
                try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(8)))
            } else {
                try requireFlawless(
                    reply.flaws(
                        asRefusal: 502, "upstream_error", within: .seconds(8), repeatable: nil))
            }
        }
        // Clients that repeat by themselves would multiply retries of which there are too many already.
        if !withFallback { #expect(replies.count { $0.field("x-should-retry") == "false" } > 500) }
        #expect(
            try await pair.metric(#"holdfast_retry_budget_exhausted_total{target="p/p-1"}"#) > 500)
        try requireFlawless(try await pair.aftermath(within: .seconds(2)))
    }

    private static func failing(_ change: (inout Pair.Settings) -> Void) async throws -> Pair {
        try await Pair(
            places: Stage.shared.places,
            settings: {
                // It is the budget that is tested here; the breaker would end it all sooner.
                $0.lines = [Breakers.none]
                $0.timeouts = "{ connect: 5s, head: 10s, first_token: 10s, idle: 10s, total: 20s }"
                change(&$0)
            }
        ) { _ in [Answer.response(500, Answer.error("No."))] }
    }

    static func flawsOfF66(_ pair: Pair, _ models: [String], _ count: Int) async throws
        -> (replies: [Client.Reply], flaws: [String])
    {
        var flaws = Flaws()
        let replies = try await withThrowingTaskGroup(of: [Client.Reply].self) { tasks in
            for model in models { tasks.addTask { try await pair.chats(count / models.count, model) } }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
        let calls = pair.callsToP.count, retries = calls - count
        // A fifth more, and the reserve of three a second for the ten seconds that a budget looks back.
        flaws.expect(calls <= count * 12 / 10 + 30, "P was asked \(calls) times by \(count) requests")
        flaws.expect(retries > 0, "nothing was tried again")
        let scheduled = try await models.asyncSum {
            try await pair.metric(
                "holdfast_retries_scheduled_total{target=\"p/\($0 == "chat" ? "p-1" : $0)\"}")
        }
        flaws.expect(
            scheduled == retries, "\(scheduled) retries were counted before they waited, not \(retries)")
        return (replies, flaws.texts)
    }

    @Test func `F66: control: with a budget for each of many models the check finds fault`() async throws {
        let names = (0..<10).map { "m-\($0)" }
        let pair = try await Self.failing {
            $0.withFallback = false
            $0.routes = names
        }
        let (_, flaws) = try await Self.flawsOfF66(pair, names, 200)
        #expect(flaws.contains { $0.hasPrefix("P was asked") })
    }

    // MARK: F71

    /// P has one place. Callers leave at every moment of their requests: while they wait for the place, while they are
    /// connected, before and in the middle of the answer, and right at its end.
    @Test(arguments: CallersThatLeave.Leaving.allCases, [false, true])
    func `F71: whenever callers leave, the one place at P is free in the end`(
        leaving: CallersThatLeave.Leaving, stream: Bool
    ) async throws {
        let pair = try await Self.narrow()
        for round in 0..<24 {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for caller in 0..<4 {
                    tasks.addTask {
                        let line = try await pair.begin(stream: stream)
                        try await Task.sleep(for: .milliseconds(round * 3 / 2 + caller * 5))
                        await leaving.leave(line)
                    }
                }
                try await tasks.waitForAll()
            }
        }
        try requireFlawless(try await Self.flawsOfF71(pair))
        let books = try await ["answered", "caller_left"].asyncSum {
            try await pair.metric(#"holdfast_requests_total{route="chat",outcome="\#($0)"}"#)
        }
        // Each is in the books once, however it ended. A reset may take the request along.
        #expect(leaving == .close ? books == 100 : books <= 100, "\(books) of 100 are in the books")
    }

    private static func narrow() async throws -> Pair {
        try await Pair(settings: {
            $0.provider += ", concurrency: { limit: 1, queue: 16, wait: 1s }"
            $0.timeouts = "{ connect: 1s, head: 5s, first_token: 5s, idle: 5s, total: 20s }"
        }) { call in
            if call.user == "hang" { return [.hang] }
            let acts = Answer.good(call)
            let pause = Wall.Act.wait(.milliseconds(6))
            return [pause] + acts.flatMap { [$0, pause] }
        }
    }

    static func flawsOfF71(_ pair: Pair) async throws -> [String] {
        var flaws = Flaws()
        flaws.expect(
            try await eventually(.seconds(1)) { try await pair.requests() == 0 }, "requests are left")
        // Four at once need the place one after the other; a lost place would send them to F.
        for reply in try await pair.chats(4) { flaws += reply.flaws(asAnswerOfPWithin: .seconds(1)) }
        flaws.expect(pair.callsToF.isEmpty, "F was asked \(pair.callsToF.count) times")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F71: control: the check finds fault while the place is taken`() async throws {
        let pair = try await Self.narrow()
        let line = try await pair.begin(more: #","user":"hang""#)
        #expect(try await eventually { pair.callsToP.count == 1 })
        let flaws = try await Self.flawsOfF71(pair)
        #expect(flaws.contains("requests are left"))
        #expect(flaws.contains { $0.hasPrefix("F was asked") })
        await line.close()
    }
}

extension [String] {
    /// The sum of what `count` gives for each.
    fileprivate func asyncSum(_ count: (String) async throws -> Int) async throws -> Int {
        var sum = 0
        for element in self { sum += try await count(element) }
        return sum
    }
}
