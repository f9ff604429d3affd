import Foundation
import Testing
import Wall

/// Faults of keys and accounts, and of requests that a provider does not take.
@Suite struct KeysAndRequests {
    static func refusal(_ status: Int, _ code: String?, _ message: String = "No.", _ fields: [String] = [])
        -> [Wall.Act]
    {
        [
            Answer.response(
                status, Answer.error(message, type: "invalid_request_error", code: code), fields: fields)
        ]
    }

    // MARK: F18

    @Test(arguments: [401, 403], [false, true])
    func `F18: a key that is not accepted is left alone and the provider's next key is used`(
        status: Int, stream: Bool
    ) async throws {
        let pair = try await Pair(settings: {
            $0.provider = "api_keys: [ sk-wall-revoked-key-0001, sk-wall-valid-key-00000002 ]"
        }) {
            $0.field("authorization") == "Bearer sk-wall-revoked-key-0001"
                ? Self.refusal(status, status == 401 ? "invalid_api_key" : nil, "Incorrect API key provided.")
                : Answer.good($0)
        }
        expectFlawless(try await Self.flawsOfF18(pair, stream))
    }

    static func flawsOfF18(_ pair: Pair, _ stream: Bool) async throws -> [String] {
        var flaws = Flaws()
        for number in 1...3 {
            let reply = try await pair.chat(stream: stream)
            flaws += reply.flaws(asAnswerOfPWithin: .seconds(1)).of("request \(number)")
            let calls = pair.callsToP(for: "p-1").count
            flaws.expect(calls == number + 1, "after \(number) requests P was asked \(calls) times")
        }
        flaws.expect(pair.callsToF.isEmpty, "F was asked although P has another key")
        let quarantined = try await pair.health()
        flaws.expect(quarantined.cooling == "authentication", "the key is \(quarantined.cooling ?? "in use")")
        let isTold = try await eventually {
            pair.gateway.standardError.contains(#""because":"authentication""#)
        }
        flaws.expect(isTold, "nobody is told: \(pair.gateway.standardError)")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test(arguments: [401, 403])
    func `F18: the only key of a provider is not tried again, and F answers`(status: Int) async throws {
        let pair = try await Pair { _ in Self.refusal(status, nil) }
        for _ in 0..<3 { expectFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(1))) }
        #expect(pair.callsToP.count == 1)
        let wait = try #require(try await pair.health().wait)
        #expect(wait > .seconds(590) && wait <= .seconds(600))
        expectFlawless(try await pair.aftermath())
    }

    @Test
    func
        `F18: without F the caller is not told that its own key is wrong, and a reload gives the key a chance`()
        async throws
    {
        let isMended = Flag()
        let pair = try await Pair(settings: { $0.withFallback = false }) {
            isMended.value
                ? Answer.good($0)
                : Self.refusal(401, "invalid_api_key", "Incorrect API key provided: sk-wall.")
        }
        for _ in 0..<2 {
            let reply = try await pair.chat()
            expectFlawless(reply.flaws(asRefusal: 502, "upstream_authentication"))
            #expect(!reply.body.contains("sk-wall"))
        }
        #expect(pair.callsToP.count == 1)
        isMended.value = true
        pair.gateway.signal(SIGHUP)
        #expect(try await eventually { try await pair.health().cooling == nil })
        expectFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
    }

    // MARK: F19

    private static let quotas: [(name: String, acts: [Wall.Act])] = [
        ("402", refusal(402, nil)),
        ("insufficient_quota", refusal(429, "insufficient_quota", "You exceeded your current quota.")),
        (
            "quota-words",
            refusal(429, nil, "You exceeded your current quota, please check your plan and billing details.")
        ),
        ("credit", refusal(402, "credit_balance_exhausted", "Your credit balance is too low.")),
        ("billing", refusal(400, "billing_hard_limit_reached")),
        ("retry-after", refusal(429, "insufficient_quota", "No.", ["retry-after: 2"])),
    ]

    @Test func `F19: a quota that is used up is no rate limit: nobody waits, F answers, P is left alone`()
        async throws
    {
        let pair = try await Pair(settings: { $0.routes = Self.quotas.map(\.name) }) { call in
            Self.quotas.first { $0.name == call.model }?.acts ?? Answer.good(call)
        }
        expectFlawless(try await Self.flawsOfF19(pair))
    }

    static func flawsOfF19(_ pair: Pair) async throws -> [String] {
        var flaws = Flaws()
        for name in quotas.map(\.name) {
            for stream in [false, true] {
                flaws += try await pair.chat(name, stream: stream).flaws(asAnswerOfFWithin: .seconds(1)).of(
                    name)
            }
            let calls = pair.callsToP(for: name).count
            flaws.expect(calls == 1, "\(name): P was asked \(calls) times")
            let health = try await pair.health("p/\(name)")
            flaws.expect(health.cooling == "quota_exceeded", "\(name): it is \(health.cooling ?? "in use")")
            let least = Duration.seconds(name == "retry-after" ? 0 : 290)
            flaws.expect(
                health.wait ?? .zero > least, "\(name): it is left alone for \(health.wait ?? .zero)")
        }
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F19: without F the caller is told that the quota is used up and not to repeat`() async throws
    {
        let pair = try await Pair(settings: { $0.withFallback = false }) { _ in Self.quotas[1].acts }
        for _ in 0..<2 { expectFlawless(try await pair.chat().flaws(asRefusal: 429, "insufficient_quota")) }
        #expect(pair.callsToP.count == 1)
    }

    // MARK: F20

    private static let tooLong: [(name: String, acts: [Wall.Act])] = [
        (
            "openai",
            refusal(400, "context_length_exceeded", "This model's maximum context length is 8192 tokens.")
        ),
        (
            "vllm",
            refusal(
                400, nil,
                "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.")
        ),
        ("llama", refusal(400, nil, "the request exceeds the available context size, try increasing it")),
        ("anthropic", refusal(400, nil, "prompt is too long: 210000 tokens > 200000 maximum")),
        ("as-500", refusal(500, nil, "the request exceeds the available context size")),
    ]
    private static let refused: [(name: String, acts: [Wall.Act])] = [
        ("policy", refusal(400, "content_policy_violation", "Your request was rejected.")),
        ("filter", refusal(400, "content_filter", "The response was filtered.")),
        ("words", refusal(400, nil, "Your request was rejected as a result of the safety system.")),
    ]

    @Test func `F20: a prompt that is too long, or refused, is told as such and taken to nobody else`()
        async throws
    {
        let all = Self.tooLong + Self.refused
        let pair = try await Pair(settings: { $0.routes = all.map(\.name) }) { call in
            all.first { $0.name == call.model }?.acts ?? Answer.good(call)
        }
        for (name, code) in Self.tooLong.map({ ($0.name, "context_length_exceeded") })
            + Self.refused.map({ ($0.name, "content_policy_violation") })
        {
            for stream in [false, true] {
                let reply = try await pair.chat(name, stream: stream)
                expectFlawless(reply.flaws(asRefusal: 400, code).of(name))
                #expect((reply.errorMessage ?? "").count > 10, "the provider's words are passed on")
            }
            #expect(pair.callsToP(for: name).count == 2, "\(name): one attempt for each request")
            let health = try await pair.health("p/\(name)")
            #expect(health.breaker == "closed" && health.cooling == nil, "\(name): P is not to blame")
        }
        #expect(pair.callsToF.isEmpty)
        expectFlawless(try await pair.aftermath())
    }

    // MARK: F21, F22

    @Test func `F21: a 400 that hides a failure behind the provider goes to F`() async throws {
        let pair = try await Pair { _ in Self.refusal(400, nil, "Upstream request failed") }
        for stream in [false, true] {
            expectFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfFWithin: .seconds(1)))
        }
    }

    @Test
    func `F22: a model that is gone goes to F; a request that is wrong is told and taken to nobody else`()
        async throws
    {
        let gone = [404, 410], wrong = [400, 405, 413, 415, 422]
        let pair = try await Pair(settings: { $0.routes = (gone + wrong).map { "m-\($0)" } }) { call in
            let status = Int(call.model.dropFirst(2)) ?? 0
            return Self.refusal(status, status == 404 ? "model_not_found" : nil, "The value is wrong there.")
        }
        for status in gone {
            for stream in [false, true] {
                expectFlawless(
                    try await pair.chat("m-\(status)", stream: stream).flaws(asAnswerOfFWithin: .seconds(1))
                        .of("\(status)"))
            }
            #expect(pair.callsToP(for: "m-\(status)").count == 2, "\(status): one attempt for each request")
        }
        let callsToF = pair.callsToF.count
        for status in wrong {
            for stream in [false, true] {
                let reply = try await pair.chat("m-\(status)", stream: stream)
                expectFlawless(reply.flaws(asRefusal: status, "invalid_request").of("\(status)"))
                #expect(reply.errorMessage?.contains("The value is wrong there.") ?? false)
            }
            #expect(pair.callsToP(for: "m-\(status)").count == 2)
            #expect(try await pair.health("p/m-\(status)").breaker == "closed")
        }
        #expect(pair.callsToF.count == callsToF, "a wrong request was taken to F")
        expectFlawless(try await pair.aftermath())
    }

    @Test func `F22: without F a model that is gone is told as such`() async throws {
        let pair = try await Pair(settings: { $0.withFallback = false }) { _ in
            Self.refusal(404, "model_not_found")
        }
        let reply = try await pair.chat()
        expectFlawless(reply.flaws(asRefusal: 404, "model_not_found"))
        #expect(reply.errorField == "model" && pair.callsToP.count == 1)
    }

    // MARK: F23

    @Test(arguments: [301, 302, 303, 307, 308])
    func `F23: a redirect is a failure, and F answers`(status: Int) async throws {
        let trap = Wall { Answer.good($0) }
        let place = "http://127.0.0.1:\(try await trap.start())/v1/chat/completions"
        let pair = try await Pair { _ in [Answer.response(status, "", fields: ["location: \(place)"])] }
        for stream in [false, true] {
            expectFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfFWithin: .seconds(1)))
        }
        #expect(trap.ledger.lines.isEmpty)
        expectFlawless(try await pair.aftermath())
    }
}
