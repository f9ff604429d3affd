import Foundation
import Testing
import Wall

/// Faults of the request as a provider sees it: models that are gone, requests that are wrong, redirects elsewhere.
extension KeysAndRequests {
    // MARK: F22

    static let gone = [
        Variant("404-code", "model_unavailable, model_not_found", refusal(404, "model_not_found")),
        Variant("404-bare", "model_unavailable, not_found", Answer.response(404, "")),
        Variant("404-page", "model_unavailable, not_found", Answer.response(404, page, type: "text/html")),
        Variant("410-code", "model_unavailable, gone", refusal(410, "model_retired")),
        Variant("410-bare", "model_unavailable, gone", Answer.response(410, "")),
    ]

    @Test func `F22: a model that is gone is answered for by F`() async throws {
        let pair = try await Pair(Self.gone)
        try requireFlawless(try await Self.flawsOfF22(pair))
    }

    static func flawsOfF22(_ pair: Pair) async throws -> [String] {
        let found = try await gone.flaws { variant, model, stream in
            var flaws = Flaws()
            let reply = try await pair.chat(model, stream: stream)
            flaws += reply.flaws(asAnswerOfFWithin: .seconds(1))
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            let why = try await pair.why(reply)
            flaws.expect(why == "p/\(model) failed (\(variant.means)); f answered", "it says: \(why)")
            let health = try await pair.health("p/\(model)")
            flaws.expect(health.breaker == "closed" && health.cooling == nil, "P is kept away: \(health)")
            return flaws
        }
        return try await found + pair.aftermath()
    }

    @Test func `F22: without another provider a model that is gone is told as such`() async throws {
        let variants = Self.gone
        let pair = try await Pair(variants) { $0.withFallback = false }
        let flaws = try await variants.flaws { _, model, stream in
            var flaws = Flaws()
            flaws += try await pair.chat(model, stream: stream).flaws(asRefusal: 404, "model_not_found")
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            return flaws
        }
        try requireFlawless(flaws)
    }

    private static let wrong: [(variant: Variant, code: String)] = [400, 405, 413, 415, 422].flatMap {
        status in
        [
            (
                Variant(
                    "\(status)-code", "invalid_request, \(status == 413 ? "too_large" : "bad_request")",
                    refusal(status, "unsupported_value", "Not so.", type: "invalid_request_error")),
                "unsupported_value"
            ),
            (
                Variant(
                    "\(status)-page", "invalid_request, \(status == 413 ? "too_large" : "bad_request")",
                    Answer.response(status, page, type: "text/html")), "invalid_request"
            ),
        ]
    }

    @Test func `F22: a request that P calls wrong is the caller's to mend, and nobody else is asked`()
        async throws
    {
        let variants = Self.wrong.map(\.variant)
        let pair = try await Pair(variants)
        let flaws = try await variants.flaws { variant, model, stream in
            var flaws = Flaws()
            let code = Self.wrong.first { $0.variant.name == variant.name }?.code ?? ""
            let reply = try await pair.chat(model, stream: stream)
            flaws += reply.flaws(asRefusal: Int(variant.name.prefix(3)) ?? 0, code)
            flaws.expect(!reply.body.contains("Not here"), "a page of P's is shown")
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            flaws.expect(pair.countAtF(model) == 0, "F was asked")
            let why = try await pair.why(reply)
            flaws.expect(why == "p/\(model) failed (\(variant.means)); nobody answered", "it says: \(why)")
            return flaws
        }
        try requireFlawless(flaws)
        try requireFlawless(try await pair.aftermath())
    }

    // MARK: F23

    /// Redirects to someone else, and to P itself.
    static func redirects(to port: Int) -> [Variant] {
        let places = [
            "away": "http://127.0.0.1:\(port)/v1/chat/completions", "scheme": "//127.0.0.1:\(port)/",
            "home": "/v1/other/completions",
        ]
        return [301, 302, 303, 307, 308].flatMap { status in
            places.map { name, place in
                Variant(
                    "\(status)-\(name)", "api_failure, redirect",
                    Answer.response(status, "", fields: ["location: \(place)"]))
            }
        }
    }

    @Test func `F23: a redirect is not followed, the key goes nowhere, and F answers`() async throws {
        let elsewhere = Wall { Answer.good($0) }, port = try await elsewhere.start()
        let pair = try await Pair(Self.redirects(to: port))
        try requireFlawless(try await Self.flawsOfF23(pair, port))
        #expect(elsewhere.ledger.lines.isEmpty, "somebody connected to where the redirect points")
    }

    static func flawsOfF23(_ pair: Pair, _ port: Int) async throws -> [String] {
        let found = try await redirects(to: port).flaws { variant, model, stream in
            var flaws = Flaws()
            let reply = try await pair.chat(model, stream: stream)
            flaws += reply.flaws(asAnswerOfFWithin: .seconds(1))
            flaws.expect(reply.field("location") == nil, "the redirect is passed on")
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            let why = try await pair.why(reply)
            flaws.expect(why == "p/\(model) failed (\(variant.means)); f answered", "it says: \(why)")
            return flaws
        }
        return try await found + pair.aftermath()
    }

    @Test func `F23: without another provider a redirect is an error of the provider`() async throws {
        let elsewhere = Wall { Answer.good($0) }, port = try await elsewhere.start()
        let variants = Self.redirects(to: port)
        let pair = try await Pair(variants) { $0.withFallback = false }
        let flaws = try await variants.flaws { _, model, stream in
            var flaws = Flaws()
            let reply = try await pair.chat(model, stream: stream)
            flaws += reply.flaws(asRefusal: 502, "upstream_error")
            flaws.expect(reply.field("location") == nil, "the redirect is passed on")
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            return flaws
        }
        try requireFlawless(flaws)
        #expect(elsewhere.ledger.lines.isEmpty, "somebody connected to where the redirect points")
    }

    // MARK: F21

    @Test func `F21: a 400 that hides a failure behind the provider goes to F`() async throws {
        let pair = try await Pair { _ in
            [Answer.response(400, Answer.error("Upstream request failed", type: "invalid_request_error"))]
        }
        for stream in [false, true] {
            try requireFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfFWithin: .seconds(1)))
        }
    }
}
