extension Rejection.Reason {
    /// The rate limit leaves no permit now, or none soon enough.
    public static var rateLimited: Self { Self(rawValue: "rate_limited") }
}
