import Generation
package import NIOCore

/// What a caller of the OpenAI surface is told about a failure.
package struct OpenAIError: Sendable {
    /// The status of the reply.
    package var status: Int
    /// The kind of error.
    package var type = "api_error"
    /// The exact error.
    package var code: String
    /// What is wrong, and how to mend it.
    package var message: String
    /// The member or header that is wrong.
    package var field: String?
    /// When asking again may help.
    package var retryAfter: Duration?
    /// Whether a client's own retry can help. What this gateway has tried already, it need not try again.
    package var clientShouldRetry = false

    /// A mistake in the request itself.
    package static func invalid(
        _ message: String, field: String?, code: String = "invalid_value", status: Int = 400
    ) -> OpenAIError {
        OpenAIError(status: status, type: "invalid_request_error", code: code, message: message, field: field)
    }

    /// What a provider's failure means to the caller.
    init(_ failure: AttemptFailure) {
        switch failure.kind {
        case .rateLimit:
            self.init(
                status: 429, type: "rate_limit_error", code: "rate_limit_exceeded",
                message: "the provider's rate limit is reached: \(failure.message)")
        case .quotaExceeded:
            self.init(
                status: 429, type: "insufficient_quota", code: "insufficient_quota",
                message: "the provider's quota is used up: \(failure.message)")
        case .providerOverload, .resourceExhausted:
            self.init(
                status: 503, code: "server_is_overloaded",
                message: "the provider is overloaded: \(failure.message)")
        case .timeout:
            self.init(status: 504, code: "upstream_timeout", message: failure.message)
        case .authentication:
            // A 401 would make the caller doubt its own key.
            self.init(
                status: 502, code: "upstream_authentication",
                message: "the provider does not accept this gateway's key; its operator has to mend that")
        case .contextLengthExceeded:
            self.init(
                status: 400, type: "invalid_request_error", code: "context_length_exceeded",
                message: failure.message, field: failure.field ?? "messages")
        case .contentPolicy:
            self.init(
                status: 400, type: "invalid_request_error", code: "content_policy_violation",
                message: failure.message, field: failure.field)
        case .invalidRequest:
            let passed = failure.status.flatMap {
                [400, 404, 405, 409, 413, 415, 422].contains($0) ? $0 : nil
            }
            let isUnsupported = failure.cause == "unsupported_input"
            self.init(
                status: passed ?? 400, type: "invalid_request_error",
                code: isUnsupported ? failure.cause : failure.code ?? "invalid_request",
                message: failure.message, field: failure.field ?? (isUnsupported ? "messages" : nil))
        case .modelUnavailable:
            self.init(
                status: 404, type: "invalid_request_error", code: "model_not_found", message: failure.message,
                field: "model")
        case .qualityFailure:
            self.init(
                status: 502, type: failure.kind.rawValue, code: "upstream_\(failure.cause)",
                message: failure.message)
        case .transient, .apiFailure, .systemError:
            self.init(status: 502, code: "upstream_error", message: failure.message)
        }
    }

    init(
        status: Int, type: String = "api_error", code: String, message: String, field: String? = nil
    ) {
        self.status = status
        self.type = type
        self.code = code
        self.message = message
        self.field = field
    }

    /// The body that tells it.
    package var body: ByteBuffer {
        OpenAIErrorBody.text(message: message, type: type, code: code, field: field)
    }
}

extension OpenAIError: Error {}
