package import Generation
package import NIOCore

/// What failures of an OpenAI-compatible provider mean, as data.
package enum OpenAIFailures {
    /// The provider's own codes, before its words and before bare statuses.
    private static let rules: [FailureRule] =
        [
            FailureRule(codes: ["invalid_api_key"], .authentication, "invalid_api_key"),
            FailureRule(
                texts: ["incorrect api key", "invalid api key", "api key not valid"], .authentication,
                "invalid_api_key"),
            FailureRule(codes: ["unsupported_country_region_territory"], .authentication, "forbidden"),
            FailureRule(codes: ["model_not_found"], .modelUnavailable, "model_not_found"),
            FailureRule(codes: ["context_length_exceeded"], .contextLengthExceeded, "context_length"),
            FailureRule(
                codes: [
                    "content_policy_violation", "content_filter", "moderation_blocked", "invalid_prompt",
                ],
                .contentPolicy, "refused"),
            FailureRule(
                codes: [
                    "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
                    "project_spend_limit_exceeded", "organization_usage_limit_exceeded",
                    "billing_hard_limit_reached",
                ], .quotaExceeded, "quota"),
            // A single request above the whole limit will not fit later either.
            FailureRule(429...429, texts: ["request too large for"], .modelUnavailable, "above_rate_limit"),
            FailureRule(codes: ["rate_limit_exceeded", "slow_down"], .rateLimit, "rate_limit"),
            FailureRule(
                codes: ["server_is_overloaded", "overloaded_error", "overloaded"], .providerOverload,
                "overloaded"),
            FailureRule(
                400...499, texts: ["upstream request failed", "upstream error", "bad gateway"], .transient,
                "hidden_upstream_failure"),
            FailureRule(400...499, codes: ["string_above_max_length"], .invalidRequest, "bad_request"),
            FailureRule(
                400...500,
                texts: [
                    "maximum context length is", "maximum context limit", "exceed context limit",
                    "exceeds the available context size",
                    "is longer than the model's context length", "model's context length is only",
                    "prompt is too long",
                    "requested token count exceeds the model's maximum context length",
                    "input tokens exceed the configured limit",
                    "exceeds the maximum number of tokens allowed", "too many tokens",
                ], .contextLengthExceeded, "context_length"),
            // A model that reads only text; servers that say so with a 500 are as well as before.
            FailureRule(
                400...501,
                texts: [
                    "image input is not supported", "audio input is not supported",
                    "video input is not supported", "image inputs are not supported",
                    "does not support image", "does not support audio", "does not support vision",
                    "is not a multimodal model", "not support multimodal", "image_url is not supported",
                    "image_url is only supported by certain models",
                    "no endpoints found that support image input",
                    "does not support tools", "does not support tool", "tools are not supported",
                    "requires --jinja flag", "failed to parse grammar", "unsupported content part type",
                ], .invalidRequest, "unsupported_input"),
            FailureRule(
                400...499,
                texts: [
                    "violating our usage policy", "rejected as a result of the safety system",
                    "content filtering policy",
                ], .contentPolicy, "refused"),
            FailureRule(
                402...429,
                texts: [
                    "exceeded your current quota", "credit balance", "not have enough credits", "spend limit",
                ],
                .quotaExceeded, "quota"),
            FailureRule(
                500...503,
                texts: ["out of memory", "cuda error", "cudamalloc failed", "requires more system memory"],
                .resourceExhausted, "out_of_memory"),
            FailureRule(
                500...599, texts: ["overloaded", "at capacity", "server busy"], .providerOverload,
                "overloaded"),
            FailureRule(503...503, texts: ["loading model"], .providerOverload, "loading"),
            // An edge proxy's challenge page says nothing about the key.
            FailureRule(403...403, texts: ["<html", "<!doctype"], .transient, "edge_proxy"),
        ] + FailureRule.statuses

    /// The failure that a response other than a success means.
    ///
    /// - Parameter retryAfter: What its fields say of when to ask again.
    package static func refusal(
        of call: ProviderCall, status: Int, body: ByteBuffer, retryAfter: Duration?, bytesReceived: Int,
        redactor: Redactor
    ) -> AttemptFailure {
        let (error, text) = body.withUnsafeReadableBytes { bytes in
            (ErrorBody(bytes), String(decoding: bytes.prefix(2000), as: UTF8.self))
        }
        var refusal = failure(
            status: status, error: error, text: text, phase: .head, retryAfter: retryAfter,
            bytesReceived: bytesReceived, redactor: redactor)
        // The caller did not ask for a stream: that this model has none is no fault of its request.
        if call.asStream, refusal.kind == .invalidRequest, refusal.speaksOfStreams {
            refusal.cause = "stream_refused"
        }
        return refusal
    }

    /// The failure that an error response or an error inside a 200 means.
    ///
    /// - Parameters:
    ///   - status: The status; 200 for an error inside a successful response, which is then judged by its words alone.
    static func failure(
        status: Int, error: ErrorBody, text: String, phase: Phase, retryAfter: Duration?,
        bytesReceived: Int, redactor: Redactor
    ) -> AttemptFailure {
        let words = (error.message.isEmpty ? String(text.prefix(2000)) : error.message)
        let codes = [error.code, error.type].compactMap(\.self)
        let known = status < 300 ? embeddedStatus(error.code, codes) : status, text = words.lowercased()
        let rule =
            rules.first { $0.fits(status: known, codes: codes, text: text) }
            ?? rules.first { known == nil && $0.fits(status: 500, codes: codes, text: text) }
        // A body that is no JSON may be anyone's page; the caller is not shown it.
        let message =
            error.message.isEmpty
            ? "the provider answered with status \(status)" : redactor.redact(error.message)
        return AttemptFailure(
            rule?.kind ?? .apiFailure, cause: rule?.cause ?? "status", phase: phase, status: status,
            code: error.code.map(redactor.redact), field: error.field.map(redactor.redact), message: message,
            retryAfter: retryAfter ?? (rule?.kind == .rateLimit ? WaitText.inSentence(words) : nil),
            bytesReceived: bytesReceived)
    }

    /// The status that stands for an error's code or type inside a 200; nil if they do not tell.
    private static func embeddedStatus(_ code: String?, _ codes: [String]) -> Int? {
        if let status = code.flatMap(Int.init), (400...599).contains(status) { return status }
        if codes.contains("invalid_request_error") { return 400 }
        if codes.contains("rate_limit_error") { return 429 }
        if codes.contains("authentication_error") { return 401 }
        if codes.contains("permission_error") { return 403 }
        return nil
    }
}

extension AttemptFailure {
    fileprivate var speaksOfStreams: Bool {
        field?.hasPrefix("stream") ?? message.lowercased().contains("stream")
    }
}
