package import Generation

/// What callers are told when the gateway itself gives up.
extension OpenAIError {
    /// The time was up before anyone could be asked.
    package static var outOfTime: OpenAIError {
        OpenAIError(
            status: 504, code: "deadline_exceeded",
            message: "the time for an answer was up before a provider could be asked")
    }

    /// No target is cheap enough.
    ///
    /// - Parameters:
    ///   - cheapest: What an answer is expected to cost at least, in dollars.
    ///   - limit: What it may cost, in dollars.
    ///   - setBy: The header by which the caller set the limit; nil if the configuration did.
    package static func tooDear(cheapest: Double, limit: Double, setBy header: String?) -> OpenAIError {
        let mend = header.map { "raise \($0)" } ?? "send a shorter prompt"
        return OpenAIError(
            status: 400, type: "invalid_request_error", code: "maximum_cost_exceeded",
            message:
                "an answer is expected to cost \(dollars(cheapest)) or more, and no more than "
                + "\(dollars(limit)) is allowed; \(mend), or lower max_tokens",
            field: header)
    }

    /// All targets failed; this is what the first one said.
    ///
    /// - Parameters:
    ///   - retryAfter: When asking again may help.
    ///   - isTriedOut: Whether the caller's own retry would do no good.
    package static func failed(
        _ attempt: AttemptFailure, retryAfter: Duration?, isTriedOut: Bool
    ) -> OpenAIError {
        var error = OpenAIError(attempt)
        error.retryAfter = attempt.retryAfter ?? retryAfter
        error.clientShouldRetry = attempt.mayPass && (error.retryAfter.map(isSoon) ?? !isTriedOut)
        return error
    }

    /// Nobody can be asked.
    ///
    /// - Parameters:
    ///   - cooling: For each target the failure after which it is left alone; nil if it is for another reason.
    ///   - retryAfter: When asking again may help.
    package static func nobodyAvailable(_ cooling: [FailureClass?], retryAfter: Duration?) -> OpenAIError {
        var error = nobody(cooling)
        error.retryAfter = retryAfter
        error.clientShouldRetry =
            error.code != "insufficient_quota" && error.code != "upstream_authentication"
            && retryAfter.map(isSoon) ?? true
        return error
    }

    private static func nobody(_ kinds: [FailureClass?]) -> OpenAIError {
        func all(_ isOne: (FailureClass?) -> Bool) -> Bool { !kinds.isEmpty && kinds.allSatisfy(isOne) }
        if all({ $0 == .quotaExceeded }) {
            return OpenAIError(
                status: 429, type: "insufficient_quota", code: "insufficient_quota",
                message: "the quota of every provider of this model is used up")
        }
        if all({ $0 == .rateLimit || $0 == .quotaExceeded }) {
            return OpenAIError(
                status: 429, type: "rate_limit_error", code: "rate_limit_exceeded",
                message: "every provider of this model is at its rate limit")
        }
        if all({ $0 == .authentication }) {
            return OpenAIError(
                status: 502, code: "upstream_authentication",
                message:
                    "no provider of this model accepts this gateway's keys; its operator has to mend that")
        }
        return OpenAIError(
            status: 503, code: "no_provider_available",
            message: "no provider of this model can be asked now")
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
