import Foundation
import Testing
import Wall

/// Faults that come as a success: errors, nothing, or a web page behind a status of 200.
@Suite(.tags(.measuresTime)) struct BadAnswers {
    // MARK: F24

    /// An error inside a success, and what it must lead to.
    struct Inner: Sendable {
        var name: String
        /// The value of the error member.
        var error: String
        /// The class and the cause.
        var means: String
        /// How often P must be asked before F is.
        var asked = 1
        /// The status and the code of the refusal, if F must not be asked.
        var refusal: (status: Int, code: String)?
    }

    private static func error(_ code: String, _ message: String = "No.", type: String = "null") -> String {
        #"{"message":"\#(message)","type":\#(type),"param":null,"code":\#(code)}"#
    }

    private static let context = "This model's maximum context length is 8192 tokens."

    static let inner = [
        Inner(
            name: "rate-code", error: error(#""rate_limit_exceeded""#), means: "rate_limit, rate_limit",
            asked: 3),
        Inner(name: "rate-number", error: error("429"), means: "rate_limit, rate_limit", asked: 3),
        Inner(name: "rate-digits", error: error(#""429""#), means: "rate_limit, rate_limit", asked: 3),
        Inner(name: "quota-code", error: error(#""insufficient_quota""#), means: "quota_exceeded, quota"),
        Inner(
            name: "quota-words", error: error("null", "You exceeded your current quota."),
            means: "quota_exceeded, quota"),
        Inner(
            name: "key", error: error(#""invalid_api_key""#), means: "authentication, invalid_api_key"),
        Inner(name: "key-number", error: error("401"), means: "authentication, unauthorized"),
        Inner(name: "overload-number", error: error("503"), means: "provider_overload, unavailable"),
        Inner(
            name: "overload-type", error: error("null", type: #""overloaded_error""#),
            means: "provider_overload, overloaded"),
        Inner(
            name: "server-type", error: error("null", type: #""server_error""#),
            means: "transient, server_error", asked: 2),
        Inner(name: "server-number", error: error("500"), means: "transient, server_error", asked: 2),
        Inner(name: "own-number", error: error("1042"), means: "transient, server_error", asked: 2),
        Inner(name: "text", error: #""It broke.""#, means: "transient, server_error", asked: 2),
        Inner(name: "list", error: "[]", means: "transient, server_error", asked: 2),
        Inner(
            name: "model", error: error(#""model_not_found""#), means: "model_unavailable, model_not_found"),
        Inner(
            name: "context-code", error: error(#""context_length_exceeded""#),
            means: "context_length_exceeded, context_length", refusal: (400, "context_length_exceeded")),
        Inner(
            name: "context-words", error: error("null", context),
            means: "context_length_exceeded, context_length", refusal: (400, "context_length_exceeded")),
        Inner(
            name: "filter-code", error: error(#""content_policy_violation""#),
            means: "content_policy, refused", refusal: (400, "content_policy_violation")),
        Inner(
            name: "filter-words", error: error("null", "Rejected as a result of the safety system."),
            means: "content_policy, refused", refusal: (400, "content_policy_violation")),
        Inner(
            name: "wrong", error: error("null", type: #""invalid_request_error""#),
            means: "invalid_request, bad_request", refusal: (400, "invalid_request")),
    ]

    /// Where in a success the error stands.
    enum Place: String, CaseIterable, Sendable {
        /// It is all there is, also in answer to a wish for a stream.
        case alone
        /// Choices with an answer stand beside it.
        case besideChoices
        /// A stream begins with it.
        case firstEvent
        /// A stream comes to it after its beginning.
        case afterRole

        func acts(_ error: String, _ call: Wall.Call) -> [Wall.Act] {
            let body = #"{"error":\#(error)}"#
            switch self {
            case .firstEvent where call.streams:
                return [Answer.streamHead, Answer.event(body), Answer.done, Answer.streamEnd]
            case .afterRole where call.streams:
                return [Answer.streamHead, Answer.role(), Answer.event(body), Answer.streamEnd]
            case .besideChoices where call.streams:
                let event = String(Answer.delta(#"{"content":"Half"}"#).dropLast()) + #","error":\#(error)}"#
                return [
                    Answer.streamHead, Answer.event(event), Answer.finish(), Answer.done, Answer.streamEnd,
                ]
            case .besideChoices:
                return [
                    Answer.response(200, String(Answer.completion().dropLast()) + #","error":\#(error)}"#)
                ]
            default: return [Answer.response(200, body)]
            }
        }
    }

    @Test(arguments: Place.allCases)
    func `F24: an error inside a 200 is treated as its own code says`(place: Place) async throws {
        let variants = Self.variants(at: place)
        let pair = try await Pair(variants)
        try requireFlawless(try await Self.flawsOfF24(pair, variants))
    }

    static func variants(at place: Place) -> [Variant] {
        inner.map { inner in Variant(inner.name, inner.means) { place.acts(inner.error, $0) } }
    }

    static func flawsOfF24(_ pair: Pair, _ variants: [Variant]) async throws -> [String] {
        let found = try await variants.flaws { variant, model, stream in
            var flaws = Flaws()
            guard let inner = inner.first(where: { $0.name == variant.name }) else { return flaws }
            let reply = try await pair.chat(model, stream: stream)
            if let (status, code) = inner.refusal {
                flaws += reply.flaws(asRefusal: status, code)
            } else {
                flaws += reply.flaws(asAnswerOfFWithin: inner.asked == 3 ? .seconds(3) : .seconds(1))
            }
            let calls = pair.callsToP(for: model), least = inner.asked == 3 ? 125 : 20
            flaws.expect(calls.count == inner.asked, "P was asked \(calls.count) times")
            flaws.expect(
                calls.pauses.allSatisfy { $0 >= .milliseconds(least) }, "P was asked after \(calls.pauses)")
            flaws.expect(pair.countAtF(model) == (inner.refusal == nil ? 1 : 0), "F was asked wrongly")
            let why = try await pair.why(reply)
            flaws.expect(why.hasPrefix("p/\(model) failed (\(inner.means));"), "it says: \(why)")
            let cooling = try await pair.health("p/\(model)").cooling,
                kind = String(inner.means.split(separator: ",")[0])
            let rests = kind == "quota_exceeded" || kind == "authentication"
            flaws.expect((cooling == kind) == rests, "it cools down for \(cooling ?? "nothing")")
            return flaws
        }
        return try await found + pair.aftermath()
    }

    @Test(arguments: [false, true])
    func `F24: a rate limit inside a 200 is waited for and P answers`(stream: Bool) async throws {
        let pair = try await Pair { call in
            let error = Self.error("429", "Please try again in 800ms.")
            return call.number == 0 ? Place.firstEvent.acts(error, call) : Answer.good(call)
        }
        try requireFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfPWithin: .seconds(2)))
        let calls = pair.callsToP(for: "p-1")
        #expect(calls.count == 2)
        #expect(calls.pauses.allSatisfy { $0 >= .milliseconds(800) })
        #expect(pair.callsToF.isEmpty)
    }

    @Test(arguments: [false, true])
    func `F24: an error member that is null is none`(stream: Bool) async throws {
        let pair = try await Pair { call in
            guard call.streams else {
                return [Answer.response(200, String(Answer.completion().dropLast()) + #","error":null}"#)]
            }
            let event =
                String(Answer.delta(#"{"content":"\#(Pair.answerOfP)"}"#).dropLast()) + #","error":null}"#
            return [Answer.streamHead, Answer.event(event), Answer.finish(), Answer.done, Answer.streamEnd]
        }
        try requireFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfPWithin: .seconds(1)))
        #expect(pair.callsToP.count == 1 && pair.callsToF.isEmpty)
    }

    // MARK: F25

    private static func choice(_ message: String, finish: String = "stop") -> String {
        Answer.completion(choices: #"[{"index":0,"message":\#(message),"finish_reason":"\#(finish)"}]"#)
    }

    private static func stream(_ events: [String]) -> [Wall.Act] {
        [Answer.streamHead] + events.map(Answer.event) + [Answer.streamEnd]
    }

    private static func empty(_ name: String, _ body: String, _ events: [String]) -> Variant {
        Variant(name, "quality_failure, empty") { call in
            call.streams ? stream(events) : [Answer.response(200, body)]
        }
    }

    private static let role = Answer.delta(#"{"role":"assistant","content":""}"#)
    private static let finish = Answer.delta("{}", finish: #""stop""#)

    /// Answers without anything in them, as a whole and as the events of a stream.
    static let empties = [
        empty("nothing", "", []),
        empty("space", " \r\n\t", ["[DONE]"]),
        empty("object", "{}", ["{}", "[DONE]"]),
        empty("no-choices", Answer.completion(choices: "[]"), [#"{"choices":[]}"#, "[DONE]"]),
        empty("null-choices", Answer.completion(choices: "null"), [#"{"choices":null}"#, "[DONE]"]),
        empty("no-message", Answer.completion(choices: "[{}]"), [#"{"choices":[{}]}"#, finish, "[DONE]"]),
        empty(
            "null-content", choice(#"{"role":"assistant","content":null}"#),
            [role, Answer.delta(#"{"content":null}"#), finish, "[DONE]"]),
        empty("no-text", choice(#"{"role":"assistant","content":""}"#), [role, finish, "[DONE]"]),
        empty(
            "no-calls", choice(#"{"content":null,"tool_calls":[]}"#, finish: "tool_calls"),
            [role, Answer.delta(#"{"tool_calls":[]}"#), finish, "[DONE]"]),
        Variant("no-content", "quality_failure, empty", .text("HTTP/1.1 204 No Content\r\n\r\n")),
        Variant("nothing-whole", "quality_failure, empty", Answer.response(200, "")),
        Variant("object-whole", "quality_failure, empty", Answer.response(200, "{}")),
    ]

    @Test func `F25: an answer with nothing in it is counted as empty and F answers`() async throws {
        let pair = try await Pair(Self.empties)
        try requireFlawless(try await Self.flawsOfBadAnswer(pair, Self.empties))
    }

    /// What is wrong with how answers that are none are replaced by F's.
    static func flawsOfBadAnswer(_ pair: Pair, _ variants: [Variant]) async throws -> [String] {
        let found = try await variants.flaws { variant, model, stream in
            var flaws = Flaws()
            let reply = try await pair.chat(model, stream: stream)
            flaws += reply.flaws(asAnswerOfFWithin: .seconds(1))
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            flaws.expect(pair.countAtF(model) == 1, "F was asked \(pair.countAtF(model)) times")
            let why = try await pair.why(reply)
            flaws.expect(why == "p/\(model) failed (\(variant.means)); f answered", "it says: \(why)")
            let kind = variant.means.prefix { $0 != "," }
            let count = try await pair.metric(
                #"holdfast_attempts_total{target="p/\#(model)",class="\#(kind)"}"#)
            flaws.expect(count == 1, "it was counted \(count) times as \(kind)")
            return flaws
        }
        return try await found + pair.aftermath()
    }

    @Test func `F25: without another provider P is asked once more and the caller is told that it was empty`()
        async throws
    {
        let variants = Self.empties
        let pair = try await Pair(variants) { $0.withFallback = false }
        let flaws = try await variants.flaws { _, model, stream in
            var flaws = Flaws()
            flaws += try await pair.chat(model, stream: stream).flaws(asRefusal: 502, "upstream_empty")
            let calls = pair.callsToP(for: model)
            flaws.expect(calls.count == 2, "P was asked \(calls.count) times")
            flaws.expect(calls.pauses.allSatisfy { $0 >= .milliseconds(20) }, "after \(calls.pauses)")
            return flaws
        }
        try requireFlawless(flaws)
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: [false, true])
    func `F25: an answer without text but with a tool call is whole`(stream: Bool) async throws {
        let call = #"{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}"#
        let finish = Answer.delta("{}", finish: #""tool_calls""#)
        let pair = try await Pair { request in
            let calls = Answer.delta(#"{"content":null,"tool_calls":[\#(call)]}"#)
            return request.streams
                ? Self.stream([Self.role, calls, finish, "[DONE]"])
                : [
                    Answer.response(
                        200, Self.choice(#"{"content":null,"tool_calls":[\#(call)]}"#, finish: "tool_calls"))
                ]
        }
        let reply = try await pair.chat(stream: stream)
        try requireFlawless(reply.flaws(asAnswerOf: "p", "", within: .seconds(1)))
        #expect(reply.body.contains(call))
        #expect(pair.callsToP.count == 1 && pair.callsToF.isEmpty)
    }

    // MARK: F26

    private static let page =
        "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>canary</body></html>"

    private static func page(_ name: String, _ type: String, _ body: String = page) -> Variant {
        Variant(name, "api_failure, page", Answer.response(200, body, type: type))
    }

    /// Pages of a CDN or of a network that wants a login.
    static let pages = [
        page("json", "application/json"), page("html", "text/html; charset=utf-8"),
        page("indented", "application/json", "\r\n\t  " + page),
        page("old", "application/json", "<HTML></HTML>"),
        page("xml", "application/json", #"<?xml version="1.0"?><Error><Code>Busy</Code></Error>"#),
        page("untyped", "application/octet-stream"),
        // As a stream it has no event in it; nobody looks at what is none.
        Variant("events", "quality_failure, empty") { call in
            [Answer.response(200, call.streams ? page : "", type: "text/event-stream")]
        },
    ]

    @Test func `F26: a web page in place of an answer is not shown and F answers`() async throws {
        let pair = try await Pair(Self.pages)
        try requireFlawless(try await Self.flawsOfBadAnswer(pair, Self.pages))
    }

    @Test func `F26: without another provider a web page is an error of the provider, and not shown`()
        async throws
    {
        let variants = Self.pages.dropLast()
        let pair = try await Pair(Array(variants)) { $0.withFallback = false }
        let flaws = try await Array(variants).flaws { _, model, stream in
            var flaws = Flaws()
            let reply = try await pair.chat(model, stream: stream)
            flaws += reply.flaws(asRefusal: 502, "upstream_error")
            flaws.expect(!reply.body.contains("canary"), "the page is shown")
            flaws.expect(pair.callsToP(for: model).count == 2, "P was not asked once more")
            return flaws
        }
        try requireFlawless(flaws)
        try requireFlawless(try await pair.aftermath())
    }
}
