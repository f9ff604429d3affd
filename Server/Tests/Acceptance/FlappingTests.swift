import Foundation
import Testing
import Wall

/// Providers that come and go (F68), and providers that are only slow (F69).
@Suite(.tags(.measuresTime)) struct Flapping {
    // MARK: F68

    private static let first = Duration.milliseconds(250), longest = Duration.milliseconds(1000)
    /// Less than the shortest open time, and more than a busy machine takes for a call.
    private static let silence = first * 0.76
    private static let escalating = "breaker: { minimum_calls: 2, open: 250ms, max_open: 1s }"
    /// An open time that does not grow.
    private static let level = "breaker: { minimum_calls: 2, open: 250ms, max_open: 250ms }"

    /// P answers whoever comes first after most of the open time, which is the probe, and fails the others.
    private static func pair(_ breaker: String, isWell: Flag) async throws -> Pair {
        let last = Box(ContinuousClock.now - .seconds(1))
        return try await Pair(settings: { $0.lines = [breaker, "retry: { patience: 0s }"] }) { call in
            let quiet = call.at - last.value
            last.value = call.at
            return isWell.value || quiet > silence
                ? Answer.good(call) : [Answer.response(503, Answer.error("No."))]
        }
    }

    /// Calls the route steadily for `time`.
    ///
    /// - Returns: The calls that were not answered, and when each call arrived at P.
    private static func call(_ pair: Pair, for time: Duration, stream: Bool) async throws -> [String] {
        let begun = ContinuousClock.now
        var flaws = Flaws()
        while ContinuousClock.now - begun < time {
            let reply = try await pair.chat(stream: stream)
            flaws.expect(reply.status == 200, "a call is answered with \(reply.status)")
            try await Task.sleep(for: .milliseconds(8))
        }
        return flaws.texts
    }

    static func flawsOfF68(_ breaker: String, stream: Bool) async throws -> [String] {
        var flaws = Flaws()
        let isWell = Flag(), pair = try await pair(breaker, isWell: isWell)
        flaws += try await call(pair, for: .milliseconds(4500), stream: stream)
        let calls = pair.callsToP
        let pauses = zip(calls, calls.dropFirst()).map { $1.at - $0.at }.filter { $0 > silence }
        // 250, 500, 1000, 1000 ms and a fifth more or less, each with the two or three calls that open it.
        flaws.expect(pauses.count <= 8, "P was left alone \(pauses.count) times")
        flaws.expect(calls.count <= 36, "P was asked \(calls.count) times")
        let longestPause = pauses.max() ?? .zero
        flaws.expect(longestPause > longest * 0.78, "the longest pause was \(longestPause)")
        flaws.expect(longestPause < longest * 1.7, "the longest pause was \(longestPause)")
        isWell.value = true
        let returned = try await eventually(longest * 1.5) {
            try await pair.chat(stream: stream).field("x-holdfast-provider") == "p"
        }
        flaws.expect(returned, "P is well and not asked")
        for _ in 0..<10 { flaws += try await pair.chat(stream: stream).flaws(asAnswerOfPWithin: .seconds(1)) }
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test(arguments: [false, true])
    func
        `F68: a provider that fails after each probe is left alone for longer each time, and used once it is well`(
            stream: Bool
        ) async throws
    {
        try requireFlawless(try await Self.flawsOfF68(Self.escalating, stream: stream))
    }

    @Test func `F68: control: with open times that do not grow the check finds fault`() async throws {
        let flaws = try await Self.flawsOfF68(Self.level, stream: false)
        #expect(flaws.contains { $0.hasPrefix("P was left alone") }, "\(flaws)")
        #expect(flaws.contains { $0.hasPrefix("the longest pause was") })
    }

    // MARK: F69

    private static func slowPair(_ slowCall: String) async throws -> Pair {
        try await Pair(settings: { $0.lines = ["breaker: { minimum_calls: 5, open: 30s\(slowCall) }"] }) {
            [.wait(.milliseconds(700))] + Answer.good($0)
        }
    }

    static func flawsOfF69(_ pair: Pair, stream: Bool) async throws -> [String] {
        var flaws = Flaws()
        for _ in 0..<5 { flaws += try await pair.chat(stream: stream).flaws(asAnswerOfPWithin: .seconds(3)) }
        let breaker = try await pair.health().breaker
        flaws.expect(breaker == "open", "the breaker is \(breaker)")
        for _ in 0..<5 {
            flaws += try await pair.chat(stream: stream).flaws(asAnswerOfFWithin: .seconds(1))
        }
        flaws.expect(pair.callsToP.count == 5, "P was asked \(pair.callsToP.count) times")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test(arguments: [false, true])
    func `F69: a provider that answers too slowly is left alone when the configuration says what is slow`(
        stream: Bool
    ) async throws {
        try requireFlawless(try await Self.flawsOfF69(Self.slowPair(", slow_call: 350ms"), stream: stream))
    }

    @Test(arguments: [false, true])
    func `F69: control: without a limit for slow calls the check finds fault`(stream: Bool) async throws {
        let flaws = try await Self.flawsOfF69(Self.slowPair(""), stream: stream)
        #expect(flaws.contains { $0 == "the breaker is closed" })
        #expect(flaws.contains { $0 == "P was asked 10 times" })
    }

    @Test func `F69: a stream is slow by its first word, not by its length`() async throws {
        let pair = try await Pair(settings: {
            $0.lines = ["breaker: { minimum_calls: 3, open: 30s, slow_call: 200ms }"]
        }) { call in
            let good = Answer.good(call)
            return good.prefix(3) + [.wait(.milliseconds(400))] + good.dropFirst(3)
        }
        for _ in 0..<5 {
            try requireFlawless(try await pair.chat(stream: true).flaws(asAnswerOfPWithin: .seconds(1)))
        }
        #expect(try await pair.health().breaker == "closed")
    }
}
