/// What kind of trouble a failed attempt was in, whoever the provider is.
///
/// Classes are what conduct is decided by: whether to try again here, to go elsewhere, to count it against the
/// provider's health. How a provider's answers map to classes is data (`FailureTable` of the gateway).
public enum FailureClass: String, Sendable, Hashable, CaseIterable, Codable {
    /// A fault that will likely be gone on the next try.
    case transient
    /// A phase took too long.
    case timeout
    /// Too many requests for the moment; not ill, only busy.
    case rateLimit = "rate_limit"
    /// Credit or quota is used up until it is renewed.
    case quotaExceeded = "quota_exceeded"
    /// The provider says that it has too much to do.
    case providerOverload = "provider_overload"
    /// An answer that makes no sense.
    case apiFailure = "api_failure"
    /// The provider does not accept our key.
    case authentication
    /// The request itself is wrong.
    case invalidRequest = "invalid_request"
    /// The prompt is longer than the model's window.
    case contextLengthExceeded = "context_length_exceeded"
    /// The provider refuses the content.
    case contentPolicy = "content_policy"
    /// An answer that is empty, truncated or refused by validation.
    case qualityFailure = "quality_failure"
    /// A local engine has no memory left.
    case resourceExhausted = "resource_exhausted"
    /// The provider does not have the model (any more).
    case modelUnavailable = "model_unavailable"
    /// The provider cannot be reached at all.
    case systemError = "system_error"
}
