import Generation
import Testing

@testable import Dialects

@Suite struct OpenAIFailuresTests {
    private func failure(_ status: Int, _ body: String) -> AttemptFailure {
        let error = Array(body.utf8).withUnsafeBytes { ErrorBody($0) }
        return OpenAIFailures.failure(
            status: status, error: error, text: body, phase: .head, retryAfter: nil, bytesReceived: 0,
            redactor: Redactor([Secret("sk-canary-0123456789abcdef")]))
    }

    private static func body(_ message: String, type: String = "api_error", code: String? = nil) -> String {
        #"{"error":{"message":"\#(message)","type":"\#(type)","param":null,"code":\#(code.map { "\"\($0)\"" } ?? "null")}}"#
    }

    @Test(arguments: [
        (401, body("Incorrect API key provided", code: "invalid_api_key"), FailureClass.authentication),
        (403, body("no access"), .authentication),
        (404, body("no such model", code: "model_not_found"), .modelUnavailable),
        (400, body("too long", code: "context_length_exceeded"), .contextLengthExceeded),
        (400, body("This model's maximum context length is 4096 tokens"), .contextLengthExceeded),
        (400, body("Invalid 'user': string too long", code: "string_above_max_length"), .invalidRequest),
        (400, body("refused", code: "content_policy_violation"), .contentPolicy),
        (400, body("Your request was rejected as a result of the safety system"), .contentPolicy),
        (
            429,
            body("You exceeded your current quota", type: "insufficient_quota", code: "insufficient_quota"),
            .quotaExceeded
        ),
        (429, body("spent", code: "organization_spend_limit_exceeded"), .quotaExceeded),
        (402, body("pay"), .quotaExceeded),
        (429, body("Rate limit reached", code: "rate_limit_exceeded"), .rateLimit),
        (429, "slow down", .rateLimit),
        (
            429, body("Request too large for gpt on tokens per min (TPM)", code: "rate_limit_exceeded"),
            .modelUnavailable
        ),
        (503, body("overloaded", code: "server_is_overloaded"), .providerOverload),
        (529, "", .providerOverload), (502, "<html>bad gateway</html>", .providerOverload),
        (500, body("oops"), .transient),
        (500, body("CUDA error: out of memory"), .resourceExhausted),
        (504, "", .timeout), (524, "", .timeout), (408, "", .timeout),
        (400, body("Upstream request failed"), .transient),
        (
            400, body("temperature must be at most 2", type: "invalid_request_error", code: "invalid_value"),
            .invalidRequest
        ),
        (422, #"{"detail":"missing field"}"#, .invalidRequest), (410, "", .modelUnavailable),
        (413, "", .invalidRequest),
        (307, "", .apiFailure), (418, "", .invalidRequest),
        (200, body("busy", code: "429"), .rateLimit),
        (200, body("bad", type: "invalid_request_error"), .invalidRequest),
        (200, body("overloaded", type: "overloaded_error"), .providerOverload),
        (200, body("oops", type: "server_error"), .transient), (200, body("oops", code: "1042"), .transient),
        (200, body("Rejected as a result of the safety system"), .contentPolicy),
        (200, body("You exceeded your current quota"), .quotaExceeded),
    ])
    func `statuses, codes and words are told apart`(status: Int, body: String, kind: FailureClass) {
        #expect(failure(status, body).kind == kind)
    }

    @Test(arguments: [
        (#"{"error":{"message":"m","code":"c","param":"p"}}"#, "m"), (#"{"error":"m"}"#, "m"),
        (#"{"object":"error","message":"m"}"#, "m"),
        (#"{"detail":"m"}"#, "m"), (#"{"message":"m"}"#, "m"), (#"[{"error":{"message":"m"}}]"#, "m"),
        (#"{"error":{"message":"m","code":429}}"#, "m"),
    ])
    func `an error is found in every shape`(body: String, message: String) {
        #expect(failure(400, body).message == message)
    }

    @Test func `a key in a provider's words is not passed on, and a page is not shown at all`() {
        #expect(
            !failure(401, Self.body("Incorrect API key provided: sk-canary-0123456789abcdef")).message
                .contains("canary"))
        #expect(!failure(500, "<html>sk-canary-0123456789abcdef</html>").message.contains("canary"))
        #expect(!failure(502, "<html>secret page</html>").message.contains("secret"))
    }
}
