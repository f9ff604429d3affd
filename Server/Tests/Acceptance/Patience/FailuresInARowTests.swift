import Foundation
import Testing
import Wall

/// `breaker.consecutive_failures`: at low traffic a few failures in a row say what a rate cannot say yet.
@Suite(.tags(.measuresTime)) struct FailuresInARow {
    private static func pair(_ lines: [String] = [], _ change: (inout Pair.Settings) -> Void = { _ in })
        async throws -> Pair
    {
        try await Pair(settings: {
            $0.lines = lines
            change(&$0)
        }) { Breakers.play($0, Pair.answerOfP) }
    }

    /// Asks for one user after the other, each request with a body of its own.
    private static func ask(_ pair: Pair, _ users: [String]) async throws {
        for (number, user) in users.enumerated() {
            let reply = try await pair.chat(
                stream: number % 2 == 0, more: #","seed":\#(number),"user":"\#(user)""#)
            #expect(reply.status == 200)
        }
    }

    @Test func `beside a healthy provider three failures in a row open the breaker without any setting`()
        async throws
    {
        let pair = try await Self.pair()
        try await Self.ask(pair, ["good", "good", "bad", "bad"])
        #expect(try await pair.health().breaker == "closed")
        try await Self.ask(pair, ["bad"])
        #expect(try await pair.health().breaker == "open")
        let calls = pair.callsToP.count
        try requireFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .milliseconds(700)))
        #expect(pair.callsToP.count == calls, "P was asked though its breaker is open")
    }

    @Test func `an answer among the failures begins the count anew`() async throws {
        let pair = try await Self.pair()
        try await Self.ask(pair, ["bad", "bad", "good", "bad", "bad"])
        #expect(try await pair.health().breaker == "closed")
    }

    @Test(arguments: [1, 2, 5])
    func `the setting says how many`(count: Int) async throws {
        let pair = try await Self.pair(["breaker: { consecutive_failures: \(count) }"])
        try await Self.ask(pair, Array(repeating: "bad", count: count - 1))
        #expect(try await pair.health().breaker == "closed")
        try await Self.ask(pair, ["bad"])
        #expect(try await pair.health().breaker == "open")
    }

    @Test func `control: with 0 only the rates open it`() async throws {
        let pair = try await Self.pair(["breaker: { consecutive_failures: 0 }"])
        try await Self.ask(pair, Array(repeating: "bad", count: 9))
        #expect(try await pair.health().breaker == "closed")
        try await Self.ask(pair, ["bad"])
        #expect(try await pair.health().breaker == "open")
    }

    @Test func `failures in a row of a lone provider open nothing`() async throws {
        let pair = try await Self.pair(["retry: { max_attempts: 1 }"]) { $0.withFallback = false }
        for number in 0..<5 {
            let reply = try await pair.chat(more: #","seed":\#(number),"user":"broken""#)
            #expect(reply.status == 502)
        }
        #expect(try await pair.health().breaker == "closed" && pair.callsToP.count == 5)
        try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
    }

    @Test(arguments: [false, true])
    func `at low traffic a silent provider beside a healthy one is paid for three times`(stream: Bool)
        async throws
    {
        let pair = try await Self.pair(["breaker: { open: 500ms, max_open: 500ms }"]) {
            $0.wholeAnswers = "stream"
        }
        var paid = 0
        for number in 0..<10 {
            let reply = try await pair.chat(stream: stream, more: #","seed":\#(number),"user":"hang""#)
            try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(2)))
            if reply.elapsed > .milliseconds(800) { paid += 1 }
            // Time for the breaker to become half open, so that a later one is a probe.
            try await Task.sleep(for: .milliseconds(300))
        }
        #expect(paid == 3, "\(paid) of 10 paid for it")
    }
}
