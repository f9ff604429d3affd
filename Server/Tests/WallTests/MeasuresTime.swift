import Testing

extension Tag {
    /// On suites that say how long something may take. What they find too slow or too quick may be a busy machine's fault, so
    /// `scripts/acceptance.sh` runs such a test again; what else they find stands.
    @Tag static var measuresTime: Self
}
