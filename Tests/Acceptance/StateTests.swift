import Foundation
import Testing
import Wall

/// What the gateway remembers of its providers: breakers, cooldowns, retry budgets.
@Suite struct States {
    /// A breaker that opens after four failures and asks again soon.
    static let quickBreaker = "breaker: { minimum_calls: 4, window_calls: 8, open: 400ms, max_open: 2s }"

    private static let failed = [Answer.response(503, Answer.error("down"))]

    /// Opens the breaker of P with calls that fail.
    private static func open(_ pair: Pair) async throws {
        for _ in 0..<6 where try await pair.health().breaker != "open" { _ = try await pair.chat() }
        try #require(await pair.health().breaker == "open")
    }

    private static func waitForProbe(_ pair: Pair) async throws {
        let wait = try await pair.health().wait ?? .zero
        try await Task.sleep(for: wait + .milliseconds(20))
    }

    // MARK: F60

    private enum Mood: Sendable { case fails, hangs, mistakes, good }

    @Test
    func
        `F60: a probe that never ends is given up, hurts nobody meanwhile, and the next one closes the breaker`()
        async throws
    {
        let mood = Box(Mood.fails)
        let pair = try await Pair(settings: { $0.lines = [Self.quickBreaker] }) { call in
            switch mood.value {
            case .fails: Self.failed
            case .hangs: [.hang]
            case .mistakes: [Answer.response(400, Answer.error("bad", type: "invalid_request_error"))]
            case .good: Answer.good(call)
            }
        }
        try await Self.open(pair)
        mood.value = .hangs
        try await Self.waitForProbe(pair)
        let calls = pair.callsToP.count
        let probe = try await pair.begin()
        #expect(try await eventually { pair.callsToP.count == calls + 1 })
        for _ in 0..<10 { expectFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .milliseconds(700))) }
        #expect(pair.callsToP.count == calls + 1, "others were let through beside the probe")
        expectFlawless(await probe.wait(.seconds(3)) { $0.closed }.flaws(asAnswerOfFWithin: .seconds(2)))
        #expect(try await pair.health().breaker == "open")
        mood.value = .good
        try await Self.waitForProbe(pair)
        expectFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
        #expect(try await pair.health().breaker == "closed")
    }

    @Test
    func
        `F60: a probe whose caller leaves, or that ends with the caller's mistake, leaves the way free for the next`()
        async throws
    {
        let mood = Box(Mood.fails)
        let pair = try await Pair(settings: { $0.lines = [Self.quickBreaker] }) { call in
            switch mood.value {
            case .fails: Self.failed
            case .hangs: [.hang]
            case .mistakes: [Answer.response(400, Answer.error("bad", type: "invalid_request_error"))]
            case .good: Answer.good(call)
            }
        }
        try await Self.open(pair)
        mood.value = .hangs
        try await Self.waitForProbe(pair)
        let calls = pair.callsToP.count
        let probe = try await pair.begin()
        #expect(try await eventually { pair.callsToP.count == calls + 1 })
        await probe.reset()
        let isOver = try await eventually {
            try await Client.get(pair.gateway.port, "/health").json["requests"] as? Int == 1
        }
        #expect(isOver)
        #expect(try await pair.health().breaker == "half_open")
        mood.value = .mistakes
        expectFlawless(try await pair.chat().flaws(asRefusal: 400, "invalid_request"))
        #expect(try await pair.health().breaker == "half_open", "a caller's mistake says nothing about P")
        mood.value = .good
        expectFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
        #expect(try await pair.health().breaker == "closed")
    }

    @Test func `F60: an answer from before the opening does not close the breaker`() async throws {
        let pair = try await Pair(settings: {
            $0.lines = [Self.quickBreaker]
            $0.timeouts = "{ head: 10s }"
        }) { $0.user == "old" ? [.wait(.milliseconds(1500))] + Answer.good($0) : Self.failed }
        let old = try await pair.begin(more: #","user":"old""#)
        #expect(try await eventually { pair.callsToP.count == 1 })
        try await Self.open(pair)
        let reply = await old.wait(.seconds(3)) { $0.closed }
        expectFlawless(reply.flaws(asAnswerOfPWithin: .seconds(3)))
        #expect(try await pair.health().breaker != "closed")
    }

    // MARK: F61

    static func flawsOfF61(_ pair: Pair) async throws -> [String] {
        var flaws = Flaws()
        for _ in 0..<6 { _ = try await pair.chat() }
        try await waitForProbe(pair)
        let before = pair.callsToP.count
        let replies = try await pair.chats(200)
        let asked = pair.callsToP.count - before
        flaws.expect(asked >= 1 && asked <= 2, "\(asked) of 200 were let through at once")
        for reply in replies where reply.status != 200 {
            flaws.expect(false, "\(reply.status): \(reply.body)")
        }
        flaws.expect(
            replies.count { $0.field("x-holdfast-provider") == "f" } >= 198, "F did not answer the others")
        return flaws.texts
    }

    @Test func `F61: of all who wait for the end of the open time one is let through, the others go to F`()
        async throws
    {
        let pair = try await Pair(places: 4, settings: { $0.lines = [Self.quickBreaker] }) { _ in
            [.wait(.milliseconds(700))] + Self.failed
        }
        expectFlawless(try await Self.flawsOfF61(pair))
    }

    @Test func `F61 is found when the breaker is taken away`() async throws {
        let pair = try await Pair(places: 4, settings: { $0.lines = ["breaker: { minimum_calls: 100000 }"] })
        { _ in [.wait(.milliseconds(700))] + Self.failed }
        #expect(!(try await Self.flawsOfF61(pair)).isEmpty)
    }

    @Test func `F61: the open time has jitter`() async throws {
        var waits: [Duration] = []
        for _ in 0..<4 {
            let pair = try await Pair(settings: {
                $0.lines = ["breaker: { minimum_calls: 4, window_calls: 8, open: 60s }"]
            }) { _ in Self.failed }
            try await Self.open(pair)
            waits.append(try #require(try await pair.health().wait))
        }
        #expect(waits.allSatisfy { $0 > .seconds(47) && $0 <= .seconds(72) }, "\(waits)")
        #expect(Set(waits.map { Int($0 / .milliseconds(500)) }).count > 1, "\(waits)")
    }

    // MARK: F62

    @Test
    func
        `F62: when all must be left alone the request waits for the first that can be asked, if that is soon`()
        async throws
    {
        let pair = try await Pair(fallback: {
            $0.number == 0
                ? [Answer.response(429, Answer.error("slow"), fields: ["retry-after: 1"])]
                : Answer.good($0, Pair.answerOfF)
        }) { call in
            [Answer.response(429, Answer.error("slow"), fields: ["retry-after: 30"])]
        }
        let reply = try await pair.chat()
        expectFlawless(reply.flaws(asAnswerOfFWithin: .seconds(3)))
        #expect(reply.elapsed > .seconds(1))
        #expect(pair.callsToP.count == 1)
    }

    @Test func `F62: when all must be left alone for long the caller is told for how long exactly`()
        async throws
    {
        let busy: @Sendable (Wall.Call) -> [Wall.Act] = { _ in
            [Answer.response(429, Answer.error("slow"), fields: ["retry-after: 20"])]
        }
        let pair = try await Pair(
            fallback: { _ in [Answer.response(429, Answer.error("slow"), fields: ["retry-after: 40"])] }, busy
        )
        for number in 0..<3 {
            let reply = try await pair.chat()
            expectFlawless(reply.flaws(asRefusal: 429, "rate_limit_exceeded", repeatable: true))
            let wait = reply.field("retry-after").flatMap { Int($0) } ?? 0
            #expect((18...20).contains(wait), "request \(number): \(wait)")
        }
        #expect(pair.callsToP.count == 1 && pair.callsToF.count == 1)
    }

    @Test
    func
        `F62: with all breakers open the caller gets a 503 with the time, and the first probe answers again`()
        async throws
    {
        let isDown = Flag()
        isDown.value = true
        let pair = try await Pair(settings: {
            $0.lines = [
                "breaker: { minimum_calls: 4, window_calls: 8, open: 4s }", "retry: { patience: 100ms }",
            ]
            $0.withFallback = false
        }) { isDown.value ? Self.failed : Answer.good($0) }
        for _ in 0..<6 { _ = try await pair.chat() }
        let reply = try await pair.chat()
        expectFlawless(reply.flaws(asRefusal: 503, "no_provider_available", repeatable: true))
        let told = Duration.milliseconds(reply.field("retry-after-ms").flatMap { Int($0) } ?? 0)
        #expect(told > .seconds(1) && told < .seconds(5))
        isDown.value = false
        try await Task.sleep(for: told)
        expectFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
    }

    // MARK: F63, F64

    @Test(arguments: [[5, 9], [9, 5]])
    func `F63: of two wishes to be left alone the longer one holds`(wishes: [Int]) async throws {
        let pair = try await Pair { call in
            let second = call.user == "1"
            return [
                .wait(.milliseconds(second ? 400 : 200)),
                Answer.response(
                    429, Answer.error("slow"), fields: ["retry-after: \(wishes[second ? 1 : 0])"]),
            ]
        }
        for reply in try await pair.chats(2) { expectFlawless(reply.flaws(asAnswerOfFWithin: .seconds(2))) }
        #expect(pair.callsToP.count == 2)
        let wait = try #require(try await pair.health().wait)
        #expect(wait > .seconds(7) && wait <= .seconds(9))
    }

    @Test func `F64: from the moment of the wish nobody asks, on whatever event loop`() async throws {
        let pair = try await Pair(places: 2, settings: { $0.threads = 2 }) { _ in
            [Answer.response(429, Answer.error("slow"), fields: ["retry-after: 30"])]
        }
        expectFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(1)))
        for reply in try await pair.chats(60) { expectFlawless(reply.flaws(asAnswerOfFWithin: .seconds(3))) }
        #expect(pair.callsToP.count == 1)
    }

    // MARK: F65

    @Test func `F65: breakers and cooldowns survive a reload`() async throws {
        let pair = try await Pair(settings: {
            $0.lines = ["breaker: { minimum_calls: 4, window_calls: 8, open: 60s }"]
            $0.routes = ["limited"]
        }) {
            $0.model == "limited"
                ? [Answer.response(429, Answer.error("slow"), fields: ["retry-after: 50"])] : Self.failed
        }
        try await Self.open(pair)
        expectFlawless(try await pair.chat("limited").flaws(asAnswerOfFWithin: .seconds(1)))
        let calls = pair.callsToP.count
        for change in ["", "\n  added: { targets: [ { provider: f, model: x } ] }", ""] {
            try pair.gateway.replaceConfiguration(pair.settings.text + change)
            pair.gateway.signal(SIGHUP)
            let isRead = try await eventually {
                try await Client.get(pair.gateway.port, "/v1/models").body.contains("added") == !change
                    .isEmpty
            }
            #expect(isRead)
            try await Task.sleep(for: .milliseconds(100))
            let breaker = try await pair.health(), limited = try await pair.health("p/limited")
            #expect(breaker.breaker == "open" && breaker.wait ?? .zero > .seconds(40))
            #expect(limited.cooling == "rate_limit" && limited.wait ?? .zero > .seconds(40))
            expectFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(1)))
            expectFlawless(try await pair.chat("limited").flaws(asAnswerOfFWithin: .seconds(1)))
        }
        #expect(pair.callsToP.count == calls, "a reload let somebody through")
    }

    // MARK: F66

    static func flawsOfF66(_ pair: Pair, _ count: Int) async throws -> [String] {
        var flaws = Flaws()
        let replies = try await pair.chats(count)
        for reply in replies where reply.status != 200 {
            flaws.expect(false, "\(reply.status): \(reply.body.prefix(200))")
        }
        let asked = pair.callsToP.count
        // The floor: three retries a second for the few seconds that this takes, and the budget's first fill.
        flaws.expect(
            Double(asked) <= Double(count) * 1.2 + 30, "P was asked \(asked) times for \(count) requests")
        let scheduled = try await pair.metric(#"holdfast_retries_scheduled_total{target="p/p-1"}"#)
        flaws.expect(scheduled > 0 && scheduled <= asked, "\(scheduled) retries were scheduled")
        return flaws.texts
    }

    @Test func `F66: a thousand failures at once do not become many more`() async throws {
        let pair = try await Pair(
            places: 8,
            settings: {
                $0.lines = ["breaker: { minimum_calls: 100000 }"]
                $0.timeouts = "{ first_token: 20s, head: 20s, connect: 10s }"
            }
        ) { _ in [.wait(.milliseconds(100)), Answer.response(500, Answer.error("broken"))] }
        expectFlawless(try await Self.flawsOfF66(pair, 1000))
        expectFlawless(try await pair.aftermath(within: .seconds(2)))
    }

    // MARK: F70

    static func flawsOfF70(_ pair: Pair) async throws -> [String] {
        var flaws = Flaws()
        for status in [400, 413, 422] {
            for _ in 0..<8 { _ = try await pair.chat(more: #","user":"\#(status)""#) }
        }
        for _ in 0..<8 {
            let line = try await pair.begin(more: #","user":"hang""#)
            try await Task.sleep(for: .milliseconds(30))
            await line.reset()
        }
        let breaker = try await pair.health().breaker
        flaws.expect(breaker == "closed", "the breaker is \(breaker)")
        flaws += try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1))
        return flaws.texts
    }

    @Test func `F70: mistakes of callers, and callers that leave, do not open the breaker`() async throws {
        let pair = try await Pair(settings: { $0.lines = [Self.quickBreaker] }) { call in
            if call.user == "hang" { return [.hang] }
            return Int(call.user).map {
                [Answer.response($0, Answer.error("bad", type: "invalid_request_error"))]
            } ?? Answer.good(call)
        }
        expectFlawless(try await Self.flawsOfF70(pair))
    }

    @Test func `F70 is found when the failures are the provider's own`() async throws {
        let pair = try await Pair(settings: { $0.lines = [Self.quickBreaker] }) {
            $0.user.isEmpty ? Answer.good($0) : Self.failed
        }
        #expect(!(try await Self.flawsOfF70(pair)).isEmpty)
    }
}
