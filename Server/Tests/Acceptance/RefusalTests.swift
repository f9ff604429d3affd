import Foundation
import Testing
import Wall

/// Faults that a provider states itself: rate limits, its own errors, keys, quotas, requests that it does not take.
@Suite(.tags(.measuresTime)) struct Refusals {
    private static func refusal(
        _ status: Int, _ code: String? = nil, _ message: String = "No.",
        type: String = "api_error", fields: [String] = []
    ) -> [Wall.Act] {
        [Answer.response(status, Answer.error(message, type: type, code: code), fields: fields)]
    }

    // MARK: F13

    @Test(arguments: [false, true])
    func `F13: a 429 with Retry-After of two seconds is waited for and the same provider answers`(
        stream: Bool
    )
        async throws
    {
        let pair = try await Pair { Self.rateLimitedOnce($0, "retry-after: 2") }
        try requireFlawless(try await Self.flawsOfF13(pair, stream))
    }

    static func rateLimitedOnce(_ call: Wall.Call, _ fields: String...) -> [Wall.Act] {
        call.number == 0 ? refusal(429, "rate_limit_exceeded", fields: fields) : Answer.good(call)
    }

    static func flawsOfF13(_ pair: Pair, _ stream: Bool = false) async throws -> [String] {
        var flaws = Flaws()
        let reply = try await pair.chat(stream: stream)
        flaws += reply.flaws(asAnswerOfPWithin: .seconds(4))
        let calls = pair.callsToP(for: "p-1")
        flaws.expect(calls.count == 2, "P was asked \(calls.count) times")
        flaws.expect(calls.pauses.allSatisfy { $0 >= .seconds(2) }, "P was left alone for \(calls.pauses)")
        flaws.expect(pair.callsToF.isEmpty, "F was asked")
        let why = try await pair.why(reply)
        flaws.expect(
            why.contains("(rate_limit, rate_limit); it waited 2") && why.hasSuffix("p answered"),
            "it says: \(why)")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test(arguments: [false, true])
    func `F13: a Retry-After beyond the patience of the request goes to F at once`(stream: Bool) async throws
    {
        let pair = try await Pair { Self.rateLimitedOnce($0, "retry-after: 5") }
        let reply = try await pair.chat(stream: stream)
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(pair.callsToP.count == 1)
        let wait = try #require(try await pair.health().wait)
        #expect(wait > .seconds(3) && wait <= .seconds(5))
        try requireFlawless(try await pair.aftermath())
    }

    // MARK: F14

    /// A Retry-After and what it must lead to.
    struct Wish: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// The fields to send, at the moment of sending.
        var fields: @Sendable () -> [String]
        /// How long P must be left alone, if P is to answer; nil if F is.
        var pause: ClosedRange<Duration>?

        init(_ fields: String..., pause: ClosedRange<Duration>?) {
            testDescription = fields.joined(separator: ", ")
            self.fields = { fields }
            self.pause = pause
        }

        /// A date that many seconds from now, with or without the provider's own idea of now.
        init(dateIn seconds: Double, withDate: Bool, pause: ClosedRange<Duration>?) {
            testDescription = "a date in \(seconds) s\(withDate ? " by the provider's clock" : "")"
            fields = {
                let now = Date(),
                    fields = ["retry-after: \(Refusals.httpDate(now.addingTimeInterval(seconds)))"]
                return fields + (withDate ? ["date: \(Refusals.httpDate(now))"] : [])
            }
            self.pause = pause
        }
    }

    static func httpDate(_ date: Date) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.string(from: date)
    }

    /// A normal backoff before the first retry, with room for a busy machine.
    private static let backoff = Duration.milliseconds(100) ... .milliseconds(900)

    @Test(arguments: [
        Wish(dateIn: 2, withDate: true, pause: .seconds(2) ... .seconds(3)),
        Wish(dateIn: 2, withDate: false, pause: .seconds(1) ... .seconds(3)),
        Wish(dateIn: -3600, withDate: true, pause: Refusals.backoff),
        Wish(dateIn: -3600, withDate: false, pause: Refusals.backoff),
        Wish("retry-after: -5", pause: Refusals.backoff), Wish("retry-after: abc", pause: Refusals.backoff),
        Wish("retry-after: 2.5", pause: .milliseconds(2500) ... .milliseconds(3500)),
        Wish("retry-after: 1", "retry-after: 2", pause: .seconds(2) ... .seconds(3)),
        Wish("retry-after: 2", "retry-after: 1", pause: .seconds(2) ... .seconds(3)),
        Wish("retry-after: 1000000000", pause: nil), Wish("retry-after: 600", pause: nil),
        Wish(dateIn: 3600, withDate: true, pause: nil), Wish(dateIn: 3600, withDate: false, pause: nil),
    ])
    func `F14: each form of Retry-After is understood`(wish: Wish) async throws {
        let pair = try await Pair { call in
            call.number == 0
                ? Self.refusal(429, "rate_limit_exceeded", fields: wish.fields()) : Answer.good(call)
        }
        let reply = try await pair.chat()
        let calls = pair.callsToP(for: "p-1")
        if let pause = wish.pause {
            try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(5)))
            #expect(calls.count == 2)
            #expect(calls.pauses.allSatisfy(pause.contains))
        } else {
            try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
            #expect(calls.count == 1)
            // However long the wish, P is asked again after a minute.
            let wait = try #require(try await pair.health().wait)
            #expect(wait > .seconds(55) && wait <= .seconds(60))
        }
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F14: a Retry-After of 1e9 is either no number or too long, and never waited for`()
        async throws
    {
        let pair = try await Pair { Self.rateLimitedOnce($0, "retry-after: 1e9") }
        let reply = try await pair.chat()
        #expect(reply.status == 200 && reply.isWellEnded)
        #expect(reply.elapsed < .seconds(2))
        #expect(try await pair.health().wait ?? .zero <= .seconds(60))
    }

    // MARK: F15

    @Test func `F15: a rate limit that lasts is asked three times, with growing pauses and jitter, before F`()
        async throws
    {
        let pair = try await Pair { _ in Self.refusal(429) }
        try requireFlawless(try await Self.flawsOfF15(pair))
    }

    static func flawsOfF15(_ pair: Pair) async throws -> [String] {
        var flaws = Flaws()
        let replies = try await pair.chats(6)
        for reply in replies { flaws += reply.flaws(asAnswerOfFWithin: .seconds(3)) }
        let pauses = (0..<6).map { pair.callsToP(for: "p-1", user: "\($0)").pauses }
        for pauses in pauses {
            flaws.expect(pauses.count == 2, "P was asked \(pauses.count + 1) times")
            for (pause, least) in zip(pauses, [125, 250]) {
                flaws.expect(pause >= .milliseconds(least), "P was left alone for \(pause) only")
            }
        }
        let first = pauses.compactMap(\.first)
        let spread = (first.max() ?? .zero) - (first.min() ?? .zero)
        flaws.expect(spread > .milliseconds(5), "there is no jitter in \(first)")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test(arguments: [false, true])
    func `F15: a rate limit that lasts and names its time is asked three times at that pace`(stream: Bool)
        async throws
    {
        let pair = try await Pair { _ in Self.refusal(429, fields: ["retry-after-ms: 300"]) }
        try requireFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfFWithin: .seconds(3)))
        let calls = pair.callsToP(for: "p-1")
        #expect((2...3).contains(calls.count))
        #expect(calls.pauses.allSatisfy { $0 >= .milliseconds(300) })
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: [
        Wish("retry-after-ms: 400", pause: .milliseconds(400) ... .milliseconds(1200)),
        Wish("retry-after-ms: 400", "retry-after: 2", pause: .milliseconds(400) ... .milliseconds(1200)),
        Wish(
            "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 700ms",
            pause: .milliseconds(700) ... .milliseconds(1500)),
        Wish(
            "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 1.5s",
            pause: .milliseconds(1500) ... .milliseconds(2300)),
        Wish(
            "x-ratelimit-remaining-requests: 7", "x-ratelimit-reset-requests: 1h2m3.5s",
            pause: Refusals.backoff),
        Wish("x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 6m0s", pause: nil),
        Wish("retry-after-ms: 90000", pause: nil),
    ])
    func `F15: each form of a reset time is understood`(wish: Wish) async throws {
        try await self.`F14: each form of Retry-After is understood`(wish: wish)
    }

    @Test func `F15: a wait that is only told in the message is kept`() async throws {
        let pair = try await Pair { call in
            let message = "Rate limit reached for p-1. Please try again in 800ms. Visit your account page."
            return call.number == 0 ? Self.refusal(429, "rate_limit_exceeded", message) : Answer.good(call)
        }
        try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(2)))
        #expect(pair.callsToP(for: "p-1").pauses.allSatisfy { $0 >= .milliseconds(800) })
        #expect(pair.callsToF.isEmpty)
    }

    // MARK: F16, F17

    @Test(arguments: [false, true])
    func `F16: a single 500 is tried again at P, a second one goes to F`(stream: Bool) async throws {
        let pair = try await Pair {
            $0.user == "always" || $0.number == 0 ? Self.refusal(500) : Answer.good($0)
        }
        try requireFlawless(try await Self.flawsOfF16(pair, stream))
    }

    static func flawsOfF16(_ pair: Pair, _ stream: Bool = false) async throws -> [String] {
        var flaws = Flaws()
        flaws += try await pair.chat(stream: stream).flaws(asAnswerOfPWithin: .seconds(1)).of("once")
        flaws.expect(pair.callsToP(for: "p-1").count == 2, "P was asked \(pair.callsToP.count) times")
        flaws.expect(pair.callsToF.isEmpty, "F was asked though P had recovered")
        let reply = try await pair.chat(stream: stream, more: #","user":"always""#)
        flaws += reply.flaws(asAnswerOfFWithin: .seconds(1)).of("always")
        let calls = pair.callsToP(for: "p-1", user: "always")
        flaws.expect(calls.count == 2, "P was asked \(calls.count) times")
        flaws.expect(
            calls.pauses.allSatisfy { $0 >= .milliseconds(20) }, "P was asked again after \(calls.pauses)")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    private static let outages = [502, 503, 504, 522, 524, 529]

    @Test func `F17: a provider that says it is out of service is asked once and F answers`() async throws {
        let pair = try await Pair(settings: { $0.routes = Self.outages.map { "m-\($0)" } }) { call in
            let page = "<html><body>Bad gateway</body></html>", status = Int(call.model.dropFirst(2)) ?? 0
            return call.streams ? [Answer.response(status, page, type: "text/html")] : Self.refusal(status)
        }
        try requireFlawless(try await Self.flawsOfF17(pair))
    }

    static func flawsOfF17(_ pair: Pair) async throws -> [String] {
        var flaws = Flaws()
        for status in outages {
            for stream in [false, true] {
                let reply = try await pair.chat("m-\(status)", stream: stream)
                flaws += reply.flaws(asAnswerOfFWithin: .seconds(1)).of("\(status)")
            }
            let calls = pair.callsToP(for: "m-\(status)")
            flaws.expect(calls.count == 2, "\(status): P was asked \(calls.count) times by two requests")
        }
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test
    func
        `F17: without another provider P is asked in growing waits while patience lasts, and the client need not be`()
        async throws
    {
        let pair = try await Pair(settings: { $0.withFallback = false }) { _ in Self.refusal(503) }
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asRefusal: 503, "server_is_overloaded", within: .seconds(3)))
        let calls = pair.callsToP(for: "p-1")
        #expect(calls.count == 5)
        #expect(zip(calls.pauses, calls.pauses.dropFirst()).allSatisfy { $1 > $0 * 1.3 }, "\(calls.pauses)")
        try requireFlawless(try await pair.aftermath())
    }
}
