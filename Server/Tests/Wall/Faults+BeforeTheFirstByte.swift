import Foundation

/// What a provider does instead of an answer: silence, closing, refusals.
extension Fault {
    static let beforeTheFirstByte = silences + rateLimits + failures + refusals

    private static let silences = [
        Fault("F5-reset", "Reads the request and resets the connection.", [], .reset),
        Fault("F5-close", "Reads the request and closes the connection.", [], .finish),
        Fault("F6", "Reads the request and never answers.", [.long], .hang),
        Fault(
            "F7", "Sends a head and never a body.", [.long],
            .text("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 400\r\n\r\n"), .hang),
        Fault("F8", "Sends a byte of the head each second.", [.long]) { _ in
            Array("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}".utf8)
                .flatMap { [.send([$0]), .wait(.seconds(1))] }
        },
        Fault(
            "F9-continue", "Sends 100 Continue and nothing more.", [.long],
            .text("HTTP/1.1 100 Continue\r\n\r\n"), .hang),
        Fault("F9-hints", "Sends 103 Early Hints fifty times and nothing more.", [.long]) { _ in
            let hint = Wall.Act.text("HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n")
            return Array(repeating: hint, count: 50) + [.hang]
        },
        Fault("F10", "Closes a kept connection on its second request; the first is answered.") {
            $0.call.onConnection > 0 ? [.finish] : $0.good
        },
    ]

    private static func refusal(
        _ status: Int, _ code: String? = nil, _ message: String = "No.", type: String = "api_error",
        _ fields: [String] = []
    ) -> Wall.Act {
        Answer.response(status, Answer.error(message, type: type, code: code), fields: fields)
    }

    private static func limited(_ fields: String...) -> Wall.Act {
        refusal(429, "rate_limit_exceeded", "Slow down.", type: "rate_limit_error", fields)
    }

    /// A fault that the same user meets once; then the answer is right.
    private static func once(
        _ name: String, _ about: String, _ traits: Set<Trait> = [.right],
        _ act: @escaping @Sendable () -> Wall.Act
    ) -> Fault {
        Fault(name, about, traits) { $0.time == 0 ? [act()] : $0.good }
    }

    private static let rateLimits = [
        once("F13", "429 with Retry-After: 2, then right.") { limited("retry-after: 2") },
        once("F14-date", "429 with Retry-After as a date in two seconds, then right.") {
            limited("retry-after: \(httpDate(in: 2))")
        },
        once("F14-past", "429 with Retry-After as a date in the past, then right.") {
            limited("retry-after: \(httpDate(in: -3600))")
        },
        once("F14-negative", "429 with Retry-After: -5, then right.") { limited("retry-after: -5") },
        once("F14-huge", "429 with Retry-After: 1e9 seconds, then right.", [.right, .lasting]) {
            limited("retry-after: 1000000000")
        },
        once("F14-words", "429 with Retry-After: abc, then right.") { limited("retry-after: abc") },
        once("F14-fraction", "429 with Retry-After: 1.5, then right.") { limited("retry-after: 1.5") },
        once("F14-two", "429 with two Retry-After, then right.") {
            limited("retry-after: 1", "retry-after: 2")
        },
        Fault("F15", "429 always, without a time.", [], limited()),
        Fault("F15-ms", "429 always, with retry-after-ms: 300.", [], limited("retry-after-ms: 300")),
        Fault(
            "F15-reset", "429 always, with x-ratelimit-reset-requests: 1s.", [],
            limited("x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1s")),
    ]

    private static let failures =
        [
            once("F16-once", "500 once, then right.") {
                refusal(500, nil, "It broke.", type: "server_error")
            },
            Fault("F16", "500 always.", [], refusal(500, nil, "It broke.", type: "server_error")),
        ]
        + [502, 503, 504, 522, 524, 529].map {
            Fault("F17-\($0)", "\($0) always.", [], refusal($0, nil, "Overloaded.", type: "server_error"))
        }
        + [
            Fault(
                "F21", "400 that hides a failure behind the provider.", [],
                refusal(400, nil, "Upstream request failed", type: "invalid_request_error"))
        ]

    private static let refusals = [
        Fault(
            "F18-401", "401: the key is not accepted.", [.lasting],
            refusal(401, "invalid_api_key", "Incorrect API key provided.", type: "invalid_request_error")),
        Fault(
            "F18-403", "403: the key may not do that.", [.lasting],
            refusal(403, nil, "Forbidden.", type: "permission_error")),
        Fault("F19-402", "402: no credit.", [.lasting], refusal(402, nil, "Insufficient credits")),
        Fault(
            "F19-quota", "429 for a quota that is used up.", [.lasting],
            refusal(429, "insufficient_quota", "You exceeded your quota.", type: "insufficient_quota")),
        Fault(
            "F20-context", "400: the request is too long for the model.", [],
            refusal(400, "context_length_exceeded", "Too long.", type: "invalid_request_error")),
        Fault(
            "F20-filter", "400: the request is filtered.", [],
            refusal(400, "content_filter", "Filtered.", type: "invalid_request_error")),
        Fault("F22-404", "404: the model is gone.", [.lasting], refusal(404, "model_not_found")),
        Fault("F22-410", "410: the model is gone for good.", [.lasting], refusal(410)),
        Fault("F22-413", "413: the request is too large.", [], refusal(413)),
        Fault("F22-415", "415: the request is of a wrong type.", [], refusal(415)),
        Fault(
            "F22-422", "422: the request cannot be understood.", [],
            refusal(422, "invalid_value", type: "invalid_request_error")),
        Fault(
            "F23-307", "307 to another origin.", [],
            refusal(307, nil, "Moved.", ["location: http://127.0.0.1:9/v1/chat/completions"])),
        Fault(
            "F23-302", "302 to another origin.", [],
            refusal(302, nil, "Moved.", ["location: http://127.0.0.1:9/v1/chat/completions"])),
    ]

    private static func httpDate(in seconds: Double) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.string(from: Date().addingTimeInterval(seconds))
    }
}
