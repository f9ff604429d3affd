import Foundation
import Testing
import Wall

/// Faults that no repetition mends: keys that are not accepted, quotas that are used up, requests that nobody takes.
@Suite(.tags(.measuresTime)) struct KeysAndRequests {
    /// A response that is an error in the provider's own form.
    static func refusal(
        _ status: Int, _ code: String? = nil, _ message: String = "No.", type: String = "api_error",
        fields: [String] = []
    ) -> Wall.Act {
        Answer.response(status, Answer.error(message, type: type, code: code), fields: fields)
    }

    /// What an edge in front of a provider answers with.
    static let page = "<html><body>Not here.</body></html>"

    // MARK: F18

    static let firstKey = "sk-wall-first-key-0123456789"
    static let secondKey = "sk-wall-second-key-0123456789"
    private static let twoKeys = "api_keys: [\(firstKey), \(secondKey)]"

    /// What providers say of a key that they do not accept; some say the key itself.
    private static let revoked = [
        Variant(
            "401-code", "authentication, invalid_api_key",
            refusal(401, "invalid_api_key", "Incorrect API key provided: \(firstKey).")),
        Variant(
            "401-words", "authentication, invalid_api_key",
            refusal(401, nil, "Incorrect API key provided: \(firstKey).")),
        Variant("401-bare", "authentication, unauthorized", Answer.response(401, "")),
        Variant("401-page", "authentication, unauthorized", Answer.response(401, page, type: "text/html")),
        // A key that was revoked does not come back, whatever the provider says.
        Variant("401-soon", "authentication, unauthorized", refusal(401, fields: ["retry-after: 1"])),
        Variant(
            "403-country", "authentication, forbidden", refusal(403, "unsupported_country_region_territory")),
        Variant("403-bare", "authentication, forbidden", refusal(403)),
    ]

    /// The same, but only said of the first key.
    static var firstRevoked: [Variant] {
        revoked.map { variant in
            Variant(variant.name, variant.means) { call in
                call.key == firstKey ? variant.acts(call) : Answer.good(call)
            }
        }
    }

    @Test func `F18: a key that is not accepted gives way to the next one and is asked no more`() async throws
    {
        let pair = try await Pair(Self.firstRevoked) { $0.provider = Self.twoKeys }
        try requireFlawless(try await Self.flawsOfF18(pair))
    }

    static func flawsOfF18(_ pair: Pair) async throws -> [String] {
        let found = try await firstRevoked.flaws { variant, model, stream in
            var flaws = Flaws()
            let reply = try await pair.chat(model, stream: stream)
            flaws += reply.flaws(asAnswerOfPWithin: .seconds(1))
            let why = try await pair.why(reply)
            flaws.expect(why == "p/\(model) failed (\(variant.means)); p answered", "it says: \(why)")
            flaws += try await pair.chat(model, stream: stream).flaws(asAnswerOfPWithin: .seconds(1))
            let keys = pair.callsToP.filter { $0.model == model }.map(\.key)
            flaws.expect(keys == [firstKey, secondKey, secondKey], "P saw the keys \(keys)")
            flaws.expect(pair.countAtF(model) == 0, "F was asked though P has another key")
            flaws += try await flawsOfQuarantine(pair, "p/\(model) key 1")
            return flaws
        }
        return try await found + flawsOfSecrets(pair) + pair.aftermath()
    }

    /// What is wrong with how a revoked key is kept away, and with how the operator learns of it.
    private static func flawsOfQuarantine(_ pair: Pair, _ target: String) async throws -> [String] {
        var flaws = Flaws()
        let health = try await pair.health(target), wait = health.wait ?? .zero
        flaws.expect(health.cooling == "authentication", "it cools down for \(health.cooling ?? "nothing")")
        flaws.expect(wait > .seconds(590) && wait <= .seconds(600), "the key is left alone for \(wait)")
        flaws.expect(health.breaker == "closed", "the breaker is \(health.breaker)")
        let alerts = pair.warnings(about: target, "authentication")
        flaws.expect(alerts == 1, "the log warns \(alerts) times")
        return flaws.texts
    }

    /// The keys of the providers in places where they must not be.
    private static func flawsOfSecrets(_ pair: Pair) async throws -> [String] {
        let places =
            try await pair.log + Client.get(pair.gateway.port, "/metrics").body.components(separatedBy: "\n")
        return places.filter { $0.contains("-key-0123456789") }.map { "a key is shown: \($0)" }
    }

    @Test func `F18: when no key is accepted F answers, and P is asked by nobody any more`() async throws {
        let variants = Self.revoked
        let pair = try await Pair(variants) { $0.provider = Self.twoKeys }
        let flaws = try await variants.flaws { variant, model, stream in
            var flaws = Flaws()
            for number in 0..<2 {
                let reply = try await pair.chat(model, stream: stream)
                flaws += reply.flaws(asAnswerOfFWithin: .seconds(1))
                let word =
                    number == 0
                    ? "failed (\(variant.means))" : "was passed over (cooling down after authentication)"
                let why = try await pair.why(reply)
                flaws.expect(why == "p/\(model) \(word); p/\(model) \(word); f answered", "it says: \(why)")
            }
            let keys = pair.callsToP.filter { $0.model == model }.map(\.key)
            flaws.expect(keys == [Self.firstKey, Self.secondKey], "P saw the keys \(keys)")
            flaws += try await Self.flawsOfQuarantine(pair, "p/\(model) key 2")
            return flaws
        }
        try requireFlawless(flaws)
        try requireFlawless(try await Self.flawsOfSecrets(pair))
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F18: without another provider the caller is told that it is not its own key`() async throws {
        let variants = Self.revoked
        let pair = try await Pair(variants) {
            $0.withFallback = false
            $0.provider = "api_key: \(Self.firstKey)"
        }
        let flaws = try await variants.flaws { _, model, stream in
            var flaws = Flaws()
            for _ in 0..<2 {
                let reply = try await pair.chat(model, stream: stream)
                flaws += reply.flaws(asRefusal: 502, "upstream_authentication")
                flaws.expect(!reply.text.contains(Self.firstKey), "the caller is shown the key")
            }
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            return flaws
        }
        try requireFlawless(flaws)
        try requireFlawless(try await pair.aftermath())
    }

    // MARK: F19

    static let spent = [
        Variant("402-bare", "quota_exceeded, payment_required", Answer.response(402, "")),
        Variant("402-words", "quota_exceeded, payment_required", refusal(402, nil, "Payment required.")),
        Variant(
            "429-code", "quota_exceeded, quota", refusal(429, "insufficient_quota", "You have no quota.")),
        Variant("429-type", "quota_exceeded, quota", refusal(429, type: "insufficient_quota")),
        Variant("429-credit", "quota_exceeded, quota", refusal(429, "credit_balance_exhausted")),
        Variant("429-spend", "quota_exceeded, quota", refusal(429, "project_spend_limit_exceeded")),
        Variant("429-words", "quota_exceeded, quota", refusal(429, nil, "You exceeded your current quota.")),
        Variant("400-billing", "quota_exceeded, quota", refusal(400, "billing_hard_limit_reached")),
    ]

    @Test func `F19: a used-up quota is no rate limit: P is left alone and F answers`() async throws {
        let pair = try await Pair(Self.spent)
        try requireFlawless(try await Self.flawsOfF19(pair))
    }

    static func flawsOfF19(_ pair: Pair) async throws -> [String] {
        let found = try await spent.flaws { variant, model, stream in
            var flaws = Flaws()
            let reply = try await pair.chat(model, stream: stream)
            flaws += reply.flaws(asAnswerOfFWithin: .seconds(1))
            let why = try await pair.why(reply)
            flaws.expect(why == "p/\(model) failed (\(variant.means)); f answered", "it says: \(why)")
            flaws += try await pair.chat(model, stream: stream).flaws(asAnswerOfFWithin: .seconds(1))
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            let health = try await pair.health("p/\(model)"), wait = health.wait ?? .zero
            flaws.expect(
                health.cooling == "quota_exceeded", "it cools down for \(health.cooling ?? "nothing")")
            flaws.expect(wait > .seconds(290) && wait <= .seconds(300), "P is left alone for \(wait)")
            flaws.expect(health.breaker == "closed", "the breaker is \(health.breaker)")
            let alerts = pair.warnings(about: "p/\(model)", "quota_exceeded")
            flaws.expect(alerts == 1, "the log warns \(alerts) times")
            return flaws
        }
        return try await found + pair.aftermath()
    }

    /// What P says about when its quota is renewed, in seconds, and how long that is believed.
    private static let renewals = [(1, 1), (900, 900), (7200, 3600)]

    @Test func `F19: a quota is left alone until it is renewed, and no request waits for that`() async throws
    {
        let variants = Self.renewals.map { seconds, _ in
            let fields = ["retry-after: \(seconds)"]
            return Variant("in-\(seconds)", "", Self.refusal(429, "insufficient_quota", fields: fields))
        }
        let pair = try await Pair(variants)
        let flaws = try await variants.flaws { variant, model, stream in
            var flaws = Flaws()
            flaws += try await pair.chat(model, stream: stream).flaws(asAnswerOfFWithin: .milliseconds(900))
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            let wait = try await pair.health("p/\(model)").wait ?? .zero
            let believed = Self.renewals.first { variant.name == "in-\($0.0)" }?.1 ?? 0
            flaws.expect(
                wait <= .seconds(believed) && wait > .seconds(believed - 5), "P is left alone for \(wait)")
            return flaws
        }
        try requireFlawless(flaws)
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F19: without another provider the client is told not to repeat, and P is asked once`()
        async throws
    {
        let variants = Self.spent
        let pair = try await Pair(variants) { $0.withFallback = false }
        let flaws = try await variants.flaws { _, model, stream in
            var flaws = Flaws()
            for _ in 0..<2 {
                flaws += try await pair.chat(model, stream: stream).flaws(
                    asRefusal: 429, "insufficient_quota")
            }
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            return flaws
        }
        try requireFlawless(flaws)
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F19: another key with a quota of its own answers`() async throws {
        let variants = Self.spent.map { variant in
            Variant(variant.name, variant.means) {
                $0.key == Self.firstKey ? variant.acts($0) : Answer.good($0)
            }
        }
        let pair = try await Pair(variants) { $0.provider = Self.twoKeys }
        let flaws = try await variants.flaws { _, model, stream in
            var flaws = Flaws()
            for _ in 0..<2 {
                flaws += try await pair.chat(model, stream: stream).flaws(asAnswerOfPWithin: .seconds(1))
            }
            let keys = pair.callsToP.filter { $0.model == model }.map(\.key)
            flaws.expect(keys == [Self.firstKey, Self.secondKey, Self.secondKey], "P saw the keys \(keys)")
            return flaws
        }
        try requireFlawless(flaws)
    }

    // MARK: F20

    /// Refusals of the request itself, and the code that the caller is given.
    static let refused: [(variant: Variant, code: String)] =
        [
            Variant(
                "context-code", "context_length_exceeded, context_length",
                refusal(400, "context_length_exceeded", "Too long.", type: "invalid_request_error")),
            Variant(
                "context-words", "context_length_exceeded, context_length",
                refusal(400, nil, "This model's maximum context length is 8192 tokens.")),
            Variant(
                "context-prompt", "context_length_exceeded, context_length",
                refusal(400, nil, "prompt is too long: 210000 tokens")),
            Variant(
                "context-engine", "context_length_exceeded, context_length",
                refusal(400, "400", "the request exceeds the available context size")),
        ].map { ($0, "context_length_exceeded") }
        + [
            Variant("filter-policy", "content_policy, refused", refusal(400, "content_policy_violation")),
            Variant("filter-moderation", "content_policy, refused", refusal(400, "moderation_blocked")),
            Variant("filter-code", "content_policy, refused", refusal(400, "content_filter")),
            Variant("filter-prompt", "content_policy, refused", refusal(400, "invalid_prompt")),
            Variant(
                "filter-words", "content_policy, refused",
                refusal(400, nil, "Your request was rejected as a result of the safety system.")),
            Variant("filter-law", "content_policy, legal_reasons", refusal(451)),
            Variant("filter-answer", "content_policy, refused", filtered),
        ].map { ($0, "content_policy_violation") }

    /// A success whose answer was filtered away.
    private static func filtered(_ call: Wall.Call) -> [Wall.Act] {
        guard call.streams else {
            let choices =
                #"[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"content_filter"}]"#
            return [Answer.response(200, Answer.completion(choices: choices))]
        }
        let finish = Answer.event(Answer.delta("{}", finish: #""content_filter""#))
        return [Answer.streamHead, Answer.role(), finish, Answer.done, Answer.streamEnd]
    }

    @Test
    func `F20: a request that is too long or filtered is repeated nowhere, and nobody is left alone for it`()
        async throws
    {
        let pair = try await Pair(Self.refused.map(\.variant))
        try requireFlawless(try await Self.flawsOfF20(pair))
    }

    static func flawsOfF20(_ pair: Pair) async throws -> [String] {
        let found = try await refused.map(\.variant).flaws { variant, model, stream in
            var flaws = Flaws()
            let code = refused.first { $0.variant.name == variant.name }?.code ?? ""
            // More than a breaker looks at before it opens.
            for number in 1...12 {
                let reply = try await pair.chat(model, stream: stream)
                flaws += reply.flaws(asRefusal: 400, code)
                flaws.expect(pair.callsToP(for: model).count == number, "P was not asked exactly once")
                guard number == 12 else { continue }
                let why = try await pair.why(reply)
                flaws.expect(
                    why == "p/\(model) failed (\(variant.means)); nobody answered", "it says: \(why)")
            }
            flaws.expect(pair.countAtF(model) == 0, "F was asked")
            let health = try await pair.health("p/\(model)")
            flaws.expect(health.breaker == "closed" && health.cooling == nil, "P is kept away: \(health)")
            return flaws
        }
        return try await found + pair.aftermath()
    }

    @Test(arguments: [false, true])
    func `F20: a refusal that the model itself gives is its answer`(stream: Bool) async throws {
        let pair = try await Pair { call in
            guard call.streams else {
                let choices =
                    #"[{"index":0,"message":{"role":"assistant","content":null,"refusal":"I cannot."},"finish_reason":"stop"}]"#
                return [Answer.response(200, Answer.completion(choices: choices))]
            }
            let words = Answer.event(Answer.delta(#"{"refusal":"I cannot."}"#))
            return [Answer.streamHead, Answer.role(), words, Answer.finish(), Answer.done, Answer.streamEnd]
        }
        let reply = try await pair.chat(stream: stream)
        try requireFlawless(reply.flaws(asAnswerOf: "p", "", within: .seconds(1)))
        #expect(reply.body.contains(#""refusal":"I cannot.""#))
        #expect(pair.callsToP.count == 1 && pair.callsToF.isEmpty)
    }
}

extension Wall.Call {
    /// The key that the request carries.
    var key: String { String(field("authorization")?.dropFirst("Bearer ".count) ?? "") }
}

extension Pair {
    /// What the gateway has written to its logs so far.
    var log: [String] { (gateway.standardOutput + gateway.standardError).components(separatedBy: "\n") }

    /// How often the logs warn that a target is left alone for that reason.
    func warnings(about target: String, _ kind: String) -> Int {
        log.count {
            $0.contains(#""level":"warning""#) && $0.contains(#""because":"\#(kind)""#)
                && $0.contains(#""target":"\#(target)"#)
        }
    }
}
