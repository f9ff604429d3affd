extension Rejection.Reason {
    /// The rate limit leaves no permit now, or none soon enough.
    public static var rateLimited: Self { Self(rawValue: "rate_limited") }
    /// The call asks for more permits than there can ever be at a time: it is not worth another attempt.
    public static var exceedsLimit: Self { Self(rawValue: "exceeds_limit") }
}
