public import Generation

/// How a route asks its targets.
public struct AttemptSettings: Sendable {
    /// The limits of one attempt.
    public var limits: PhaseLimits
    /// How long an answer may take to begin that the provider does not stream, since its head comes with its end.
    /// Default: 30 s.
    public var wholeAnswer: Duration
    /// The smallest share of a target's usual speed at which a stream is waited for of which nothing was delivered; 0 for no
    /// limit. Default: 0.1.
    public var minimumSpeed: Double
    /// What to do about each class of failure.
    public var failures: FailureTable
    /// How hard to try.
    public var retry: RetrySettings
    /// What becomes of a stream that breaks after a part of it was delivered.
    public var brokenStreams: BrokenStreams
    /// How whole answers are asked for.
    public var wholeAnswers: WholeAnswers
    /// Whether a target that is known to think, or has shown that its first tokens take long, gets more time for one than the
    /// limit. Default: true.
    public var learnsFirstToken: Bool

    /// Creates settings; see the members for units and defaults.
    public init(
        limits: PhaseLimits = PhaseLimits(), wholeAnswer: Duration = .seconds(30), minimumSpeed: Double = 0.1,
        failures: FailureTable = .standard, retry: RetrySettings = RetrySettings(),
        brokenStreams: BrokenStreams = .splice, wholeAnswers: WholeAnswers = .auto,
        learnsFirstToken: Bool = true
    ) {
        self.limits = limits
        self.wholeAnswer = wholeAnswer
        self.minimumSpeed = minimumSpeed
        self.failures = failures
        self.retry = retry
        self.brokenStreams = brokenStreams
        self.wholeAnswers = wholeAnswers
        self.learnsFirstToken = learnsFirstToken
    }
}
