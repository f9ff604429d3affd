import Foundation
import Testing
import Wall

/// The checks of F1 to F27 where the defence has been taken away by the configuration: each must find the flaw that is
/// left, or it would not see a gateway without that defence either.
@Suite struct DefencesTakenAway {
    /// Expects that a check found a flaw of that kind.
    private func expectFlaw(
        _ words: String, in flaws: [String], _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(
            flaws.contains { $0.contains(words) }, "'\(words)' is not in \(flaws.prefix(5))",
            sourceLocation: location)
    }

    /// A limit that no test waits for.
    private static let patientTimeouts =
        "{ connect: 30s, head: 30s, first_token: 30s, idle: 30s, total: 60s }"
    private static let noPatience = ["retry: { patience: 0s }"]
    private static let oneAttempt = ["retry: { max_attempts: 1 }"]

    // MARK: Without another provider

    @Test(arguments: [false, true])
    func `F1: without another provider a refused connection is seen`(stream: Bool) async throws {
        let pair = try await Pair(settings: { $0.withFallback = false }) { Answer.good($0) }
        expectFlaw("the status is 502", in: try await BeforeTheFirstByte.flawsOfF1(pair, stream))
    }

    @Test func `F17: without another provider an outage is seen`() async throws {
        let pair = try await Pair(settings: {
            $0.routes = [502, 503, 504, 522, 524, 529].map { "m-\($0)" }
            $0.withFallback = false
            $0.lines = Self.oneAttempt
        }) { call in
            [Answer.response(Int(call.model.dropFirst(2)) ?? 0, Answer.error("No."))]
        }
        expectFlaw("529: the status is 503", in: try await Refusals.flawsOfF17(pair))
    }

    @Test func `F19: without another provider a used-up quota is seen`() async throws {
        let pair = try await Pair(KeysAndRequests.spent) { $0.withFallback = false }
        let flaws = try await KeysAndRequests.flawsOfF19(pair)
        expectFlaw("402-bare-whole: the status is 429", in: flaws)
        expectFlaw("429-words-stream: the status is 429", in: flaws)
    }

    @Test func `F22: without another provider a model that is gone is seen`() async throws {
        let pair = try await Pair(KeysAndRequests.gone) { $0.withFallback = false }
        let flaws = try await KeysAndRequests.flawsOfF22(pair)
        expectFlaw("410-bare-stream: the status is 404", in: flaws)
    }

    @Test func `F23: a gateway that hands on P's failure in place of F's answer is seen`() async throws {
        let pair = try await Pair(KeysAndRequests.redirects(to: 1)) { $0.withFallback = false }
        let flaws = try await KeysAndRequests.flawsOfF23(pair, 1)
        expectFlaw("307-away-whole: the status is 502", in: flaws)
        expectFlaw("302-home-stream: the status is 502", in: flaws)
    }

    @Test func `F25: without another provider each empty answer is seen`() async throws {
        let pair = try await Pair(BadAnswers.empties) { $0.withFallback = false }
        let flaws = try await BadAnswers.flawsOfBadAnswer(pair, BadAnswers.empties)
        for model in BadAnswers.empties.routes { expectFlaw("\(model): the status is 502", in: flaws) }
    }

    @Test func `F26: without another provider each web page is seen`() async throws {
        let pair = try await Pair(BadAnswers.pages) { $0.withFallback = false }
        let flaws = try await BadAnswers.flawsOfBadAnswer(pair, BadAnswers.pages)
        for model in BadAnswers.pages.routes { expectFlaw("\(model): the status is 502", in: flaws) }
    }

    @Test func `F27: without another provider each malformed answer is seen`() async throws {
        let pair = try await Pair(BadAnswers.malformed) { $0.withFallback = false }
        let flaws = try await BadAnswers.flawsOfF27(pair)
        for model in BadAnswers.malformed.routes { expectFlaw("\(model): the status is 502", in: flaws) }
    }

    @Test(arguments: [false, true])
    func `F27: a breaker that keeps P away hides cuts, and that is seen`(stream: Bool) async throws {
        let pair = try await Pair(
            settings: { $0.lines = ["breaker: { minimum_calls: 2, failure_rate: 0.1 }"] }, BadAnswers.cut)
        expectFlaw("times for", in: try await BadAnswers.flawsOfF27Cut(pair, stream))
    }

    // MARK: Without limits of time

    @Test func `F2: without a limit for connecting it is seen`() async throws {
        let listener = try DeafListener(isFull: true)
        let pair = try await Pair(settings: {
            $0.primaryURL = "http://127.0.0.1:\(listener.port)/v1"
            $0.timeouts = "{ connect: 3s, head: 3s, first_token: 3s, idle: 3s, total: 20s }"
        }) { _ in [] }
        expectFlaw(
            "more than 2.0 seconds", in: try await BeforeTheFirstByte.flawsOfF2(pair, false, phase: "connect")
        )
        _ = consume listener
    }

    @Test(arguments: [false, true])
    func `F6: without a limit for the head it is seen`(stream: Bool) async throws {
        let pair = try await Pair(settings: { $0.timeouts = Self.patientTimeouts }) { _ in [.hang] }
        expectFlaw("the status is 0", in: try await BeforeTheFirstByte.flawsOfF6(pair, stream))
    }

    @Test func `F6: a connection that is left open is seen`() async throws {
        let pair = try await Pair(settings: { $0.timeouts = Self.patientTimeouts }) { _ in
            [.stopReading, .hang]
        }
        let line = try await pair.begin()
        #expect(try await eventually { pair.connectionsToP == 1 })
        await line.close()
        #expect(try await eventually { pair.connectionsToP == 0 })
    }

    @Test(arguments: [false, true])
    func `F7: without a limit for the first byte it is seen`(stream: Bool) async throws {
        let pair = try await Pair(settings: { $0.timeouts = Self.patientTimeouts }) { _ in
            [
                .text("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 300\r\n\r\n"),
                .hang,
            ]
        }
        expectFlaw("the status is 0", in: try await BeforeTheFirstByte.flawsOfF7(pair, stream))
    }

    // MARK: Without repetition

    @Test func `F13: without patience it is seen`() async throws {
        let pair = try await Pair(settings: { $0.lines = Self.noPatience }) {
            Refusals.rateLimitedOnce($0, "retry-after: 2")
        }
        let flaws = try await Refusals.flawsOfF13(pair)
        expectFlaw("F was asked", in: flaws)
        expectFlaw("P was asked 1 times", in: flaws)
    }

    @Test func `F15: without patience it is seen`() async throws {
        let pair = try await Pair(settings: { $0.lines = Self.noPatience }) { _ in
            [Answer.response(429, Answer.error("No."))]
        }
        expectFlaw("P was asked 1 times", in: try await Refusals.flawsOfF15(pair))
    }

    @Test(arguments: [false, true])
    func `F16: with a single attempt it is seen`(stream: Bool) async throws {
        let pair = try await Pair(settings: { $0.lines = Self.oneAttempt }) { call in
            call.user == "always" || call.number == 0
                ? [Answer.response(500, Answer.error("No."))] : Answer.good(call)
        }
        let flaws = try await Refusals.flawsOfF16(pair, stream)
        expectFlaw("once: the status is 502", in: flaws)
        expectFlaw("always: the status is 502", in: flaws)
    }

    @Test func `F24: with a single attempt it is seen`() async throws {
        let variants = BadAnswers.variants(at: .alone)
        let pair = try await Pair(variants) { $0.lines = Self.oneAttempt }
        let flaws = try await BadAnswers.flawsOfF24(pair, variants)
        for name in ["rate-number", "quota-code", "server-number", "text"] {
            expectFlaw("\(name)-stream: the status is", in: flaws)
        }
    }

    // MARK: Without the second key, without rest

    @Test func `F18: with a single key it is seen`() async throws {
        let pair = try await Pair(KeysAndRequests.firstRevoked) {
            $0.provider = "api_key: \(KeysAndRequests.firstKey)"
        }
        let flaws = try await KeysAndRequests.flawsOfF18(pair)
        expectFlaw("F was asked though P has another key", in: flaws)
    }

    @Test func `F18: a key that is not put away is seen`() async throws {
        let variants = KeysAndRequests.firstRevoked
        let pair = try await Pair(variants) {
            $0.provider = "api_keys: [\(KeysAndRequests.secondKey), \(KeysAndRequests.firstKey)]"
        }
        // The good key comes first, so that nothing fails and nobody is put away.
        let flaws = try await KeysAndRequests.flawsOfF18(pair)
        expectFlaw("it cools down for nothing", in: flaws)
        expectFlaw("the log warns 0 times", in: flaws)
    }

    @Test func `F20: a gateway that hides a refusal behind another provider's answer is seen`() async throws {
        // What a caller would see is an answer; where it comes from makes no difference.
        let variants = KeysAndRequests.refused.map {
            Variant($0.variant.name, $0.variant.means) { Answer.good($0) }
        }
        let pair = try await Pair(variants)
        expectFlaw("context-code-whole: the status is 200", in: try await KeysAndRequests.flawsOfF20(pair))
    }
}
