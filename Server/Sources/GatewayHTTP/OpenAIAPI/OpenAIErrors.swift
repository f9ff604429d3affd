import Gateway
import Generation

/// What a caller of the OpenAI surface is told about a failure.
struct OpenAIError: Sendable {
    var status: Int
    var type = "api_error"
    var code: String
    var message: String
    var field: String?
    /// When asking again may help.
    var retryAfter: Duration?
    /// Whether a client's own retry can help. What this gateway has tried already, it need not try again.
    var clientShouldRetry = false

    /// A mistake in the request itself.
    static func invalid(_ message: String, field: String?, code: String = "invalid_value", status: Int = 400)
        -> OpenAIError
    {
        OpenAIError(status: status, type: "invalid_request_error", code: code, message: message, field: field)
    }

    /// What a failure of the gateway means to the caller.
    init(_ failure: GatewayFailure) {
        switch failure {
        case .outOfTime:
            self.init(
                status: 504, code: "deadline_exceeded",
                message: "the time for an answer was up before a provider could be asked")
        case .tooDear(let cheapest, let limit, let isCallersLimit):
            let mend = isCallersLimit ? "raise \(PreferenceHeaders.maximumCost)" : "send a shorter prompt"
            self.init(
                status: 400, type: "invalid_request_error", code: "maximum_cost_exceeded",
                message:
                    "an answer is expected to cost \(Self.dollars(cheapest)) or more, and no more than "
                    + "\(Self.dollars(limit)) is allowed; \(mend), or lower max_tokens",
                field: isCallersLimit ? "\(PreferenceHeaders.maximumCost)" : nil)
        case .attemptsFailed(let attempt, let wait, let isTriedOut):
            self.init(attempt)
            retryAfter = attempt.retryAfter ?? wait
            clientShouldRetry = attempt.mayPass && (retryAfter.map(Self.isSoon) ?? !isTriedOut)
        case .nobodyAvailable(let refusals, let wait):
            self.init(refusals)
            retryAfter = wait
            clientShouldRetry =
                code != "insufficient_quota" && code != "upstream_authentication"
                && wait.map(Self.isSoon) ?? true
        }
    }

    /// Whether clients wait that long by themselves; after a longer wish they ask again at once.
    private static func isSoon(_ wait: Duration) -> Bool { wait <= .seconds(60) }

    /// Dollars with as many places as say something.
    private static func dollars(_ amount: Double) -> String {
        let units = Int64((min(amount, 1e9) * 1e7).rounded())
        var digits = String(units % 10_000_000 + 10_000_000).dropFirst()
        while digits.count > 2, digits.last == "0" { digits = digits.dropLast() }
        return "$\(units / 10_000_000).\(digits)"
    }

    private init(_ failure: AttemptFailure) {
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

    private init(_ refusals: [TargetHealth.Refusal]) {
        let kinds = refusals.map { refusal -> FailureClass? in
            if case .cooling(let kind, _) = refusal { kind } else { nil }
        }
        if !kinds.isEmpty, kinds.allSatisfy({ $0 == .quotaExceeded }) {
            self.init(
                status: 429, type: "insufficient_quota", code: "insufficient_quota",
                message: "the quota of every provider of this model is used up")
        } else if !kinds.isEmpty, kinds.allSatisfy({ $0 == .rateLimit || $0 == .quotaExceeded }) {
            self.init(
                status: 429, type: "rate_limit_error", code: "rate_limit_exceeded",
                message: "every provider of this model is at its rate limit")
        } else if !kinds.isEmpty, kinds.allSatisfy({ $0 == .authentication }) {
            self.init(
                status: 502, code: "upstream_authentication",
                message:
                    "no provider of this model accepts this gateway's keys; its operator has to mend that")
        } else {
            self.init(
                status: 503, code: "no_provider_available",
                message: "no provider of this model can be asked now")
        }
    }

    private init(status: Int, type: String = "api_error", code: String, message: String, field: String? = nil)
    {
        self.status = status
        self.type = type
        self.code = code
        self.message = message
        self.field = field
    }

    /// The reply's head; the summary's fields come after it.
    var head: ReplyHead {
        var head = ReplyHead(status)
        head.add("content-type", "application/json")
        if let retryAfter {
            let milliseconds = Int64((retryAfter / .milliseconds(1)).rounded(.up))
            head.add("retry-after", Int((milliseconds + 999) / 1000))
            // Only clients that retry by themselves know this one.
            if clientShouldRetry { head.add("retry-after-ms", Int(milliseconds)) }
        }
        head.add("x-should-retry", clientShouldRetry ? "true" : "false")
        return head
    }
}

extension AttemptFailure {
    /// Whether the same request may be answered later, although nobody mends anything.
    fileprivate var mayPass: Bool {
        switch kind {
        case .transient, .rateLimit, .providerOverload, .resourceExhausted: true
        case .systemError: !["certificate", "only_http2", "proxy"].contains(cause)
        case .timeout: !requestWasSent
        case .quotaExceeded, .apiFailure, .authentication, .invalidRequest, .contextLengthExceeded,
            .contentPolicy, .qualityFailure, .modelUnavailable:
            false
        }
    }
}

extension OpenAIError: Error {}
