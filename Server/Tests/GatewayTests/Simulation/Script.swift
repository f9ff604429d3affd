import Generation

/// What a provider does with one attempt, within the limits that it is given.
struct Script: Sendable {
    /// What comes of an answer after its words.
    enum End: Sendable {
        /// It is complete.
        case complete
        /// It fails after so many words.
        case failure(AttemptFailure, after: Int)
        /// Nothing more comes after so many words.
        case silence(after: Int)
    }

    /// What it says in place of an answer.
    var failure: AttemptFailure?
    /// How long it takes to say anything.
    var delay = Duration.zero
    /// The parts of the answer. Those of one request begin with its number, so that answers cannot be mixed up unseen.
    var words: [String] = []
    /// How long each part takes.
    var pause = Duration.zero
    /// When each part comes and then the end, from the beginning of the attempt; empty for the same pause before each.
    var moments: [Duration] = []
    /// Events that are no part of the answer, before its first.
    var preamble = 0
    var end = End.complete
    /// Whether it takes no notice of being cancelled.
    var isDeaf = false
    var refusesStreams = false
    var refusesPrefill = false
    var saysUsage = true

    /// When its event of that place is due, from the beginning of the attempt.
    func moment(_ place: Int, _ isTimed: Bool) -> Duration {
        guard isTimed else { return delay }
        return moments.isEmpty ? delay + pause * (place + 1) : moments[min(place, moments.count - 1)]
    }

    /// What comes in place of the word at that place, of so many.
    func stop(at place: Int, of count: Int) -> End {
        switch end {
        case .failure(_, let after), .silence(let after): place == min(after, count) ? end : .complete
        case .complete: .complete
        }
    }

    /// An answer without anything else.
    static func answer(_ words: [String], delay: Duration = .zero, pause: Duration = .zero) -> Script {
        Script(delay: delay, words: words, pause: pause)
    }

    /// A failure in place of an answer.
    static func fail(
        _ kind: FailureClass, _ cause: String, after delay: Duration = .zero, retryAfter: Duration? = nil
    ) -> Script {
        Script(failure: failure(kind, cause, retryAfter: retryAfter), delay: delay)
    }

    static func failure(
        _ kind: FailureClass, _ cause: String, phase: Phase = .head, retryAfter: Duration? = nil
    ) -> AttemptFailure {
        AttemptFailure(
            kind, cause: cause, phase: phase, message: "m", retryAfter: retryAfter,
            requestWasSent: phase != .connect)
    }
}
