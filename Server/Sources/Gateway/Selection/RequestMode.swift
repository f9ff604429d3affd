import Generation
import Resilience

/// How a provider is asked for an answer: streamed or as a whole, and the limits that go with it.
struct RequestMode: Hashable {
    /// Whether to ask for a stream although the caller wants the answer as a whole.
    var asStream = false
    var limits: PhaseLimits
    /// Whether the whole answer must come sooner than the route allows, since this target is known to be quick.
    var expectsQuickAnswer = false
    private let isAlone: Bool

    /// Decides on the manner for a target of that `pace`.
    ///
    /// - Parameter isAlone: Whether nobody else could be asked in its place, so that it may take its time.
    init(
        _ request: GenerationRequest, _ settings: AttemptSettings, _ limits: PhaseLimits, _ pace: Pace,
        isAlone: Bool = false
    ) {
        self.isAlone = isAlone
        self.limits = limits
        decide(request, settings, pace)
        if isAlone { self.limits = self.limits.withoutHaste }
    }

    private mutating func decide(_ request: GenerationRequest, _ settings: AttemptSettings, _ pace: Pace) {
        // A stream shows its head with its first part.
        let soon = min(limits.head, limits.firstToken)
        asStream = !request.streams && Self.mayStream(request, settings, pace)
        if request.streams || asStream && settings.wholeAnswers == .stream {
            limits.head = soon
            return
        }
        let isQuick = pace.expected(maximumTokens: request.maximumTokens).map { $0 + $0 <= soon } ?? false
        if settings.wholeAnswers == .auto, isQuick, pace.streamsAreFit {
            asStream = false
            expectsQuickAnswer = true
        }
        limits.head = asStream || expectsQuickAnswer ? soon : settings.wholeAnswer
    }

    /// Whether something of the answer is seen before its end, so that it can be found slow to begin.
    static func showsFirstToken(
        _ request: GenerationRequest, _ settings: AttemptSettings, _ limits: PhaseLimits, _ pace: Pace
    ) -> Bool {
        request.streams || RequestMode(request, settings, limits, pace).asStream
    }

    /// The manner for a target that has just said that it does not stream.
    mutating func giveUpStreaming(_ settings: AttemptSettings) {
        asStream = false
        limits.head = isAlone ? max(settings.wholeAnswer, limits.total) : settings.wholeAnswer
    }

    /// A request that speaks of how to stream without wanting a stream is the provider's to judge.
    private static func mayStream(_ request: GenerationRequest, _ settings: AttemptSettings, _ pace: Pace)
        -> Bool
    {
        settings.wholeAnswers != .plain && pace.streamsAreFit && request.marks.streamOptions == nil
            && request.marks.nullStreamOptions == nil && !request.features.contains(.speech)
    }
}
