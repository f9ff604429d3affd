/// One row of the table that says what a provider's error means.
///
/// Rows are tried in order and the first that fits decides: rows with a code first, then texts, then bare statuses.
public struct FailureRule: Sendable, Hashable {
    /// The statuses it is for; nil for any.
    public var statuses: ClosedRange<Int>?
    /// The provider's codes or types it is for; empty for any.
    public var codes: [String]
    /// Parts of the message it is for, in lower case; empty for any.
    public var texts: [String]
    /// What it means.
    public var kind: FailureClass
    /// The exact cause, as the failure table knows it.
    public var cause: String

    /// Creates a rule.
    public init(
        _ statuses: ClosedRange<Int>? = nil, codes: [String] = [], texts: [String] = [], _ kind: FailureClass,
        _ cause: String
    ) {
        self.statuses = statuses
        self.codes = codes
        self.texts = texts
        self.kind = kind
        self.cause = cause
    }

    /// Whether the row fits. `codes` holds the error's code and type, `text` its message in lower case. Where the status
    /// is not known, a row fits by its codes or texts alone.
    public func fits(status: Int?, codes errorCodes: [String], text: String) -> Bool {
        if let status {
            if let statuses, !statuses.contains(status) { return false }
        } else if codes.isEmpty, texts.isEmpty {
            return false
        }
        if !codes.isEmpty, !codes.contains(where: errorCodes.contains) { return false }
        return texts.isEmpty || texts.contains(where: text.contains)
    }
}

extension FailureRule {
    /// What HTTP statuses mean when nothing more is known.
    public static let statuses: [FailureRule] = [
        FailureRule(402...402, .quotaExceeded, "payment_required"),
        FailureRule(401...401, .authentication, "unauthorized"),
        FailureRule(403...403, .authentication, "forbidden"),
        FailureRule(404...404, .modelUnavailable, "not_found"),
        FailureRule(408...408, .timeout, "upstream_timeout"),
        FailureRule(409...409, .transient, "conflict"),
        FailureRule(410...410, .modelUnavailable, "gone"),
        FailureRule(413...413, .invalidRequest, "too_large"),
        FailureRule(424...425, .transient, "status"),
        FailureRule(429...429, .rateLimit, "rate_limit"),
        FailureRule(451...451, .contentPolicy, "legal_reasons"),
        FailureRule(498...498, .authentication, "unauthorized"),
        FailureRule(499...499, .timeout, "upstream_cancelled"),
        FailureRule(400...499, .invalidRequest, "bad_request"),
        FailureRule(501...501, .invalidRequest, "not_implemented"),
        FailureRule(500...500, .transient, "server_error"),
        FailureRule(504...504, .timeout, "gateway_timeout"),
        FailureRule(522...522, .timeout, "gateway_timeout"),
        FailureRule(524...524, .timeout, "gateway_timeout"),
        FailureRule(502...502, .providerOverload, "bad_gateway"),
        FailureRule(503...503, .providerOverload, "unavailable"),
        FailureRule(529...529, .providerOverload, "overloaded"),
        FailureRule(505...599, .providerOverload, "unavailable"),
        FailureRule(300...399, .apiFailure, "redirect"),
    ]
}
