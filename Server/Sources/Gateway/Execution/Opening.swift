import Generation
import Resilience
import Synchronization

/// What an attempt has come to when its answer begins, before anything of it has reached the caller.
final class Opening: Sendable {
    /// What it has come to.
    enum Result: Sendable {
        /// The whole answer; with how fast it came, if it was read as a stream.
        case whole(WholeReply, StreamSpeed?)
        /// A stream whose first meaningful part is here, or that has ended without one.
        case stream(any ReplyStream, Beginning)
        /// It failed.
        case failed(AttemptFailure, ReplyFacts?)
        /// The target was not asked.
        case refused(TargetHealth.Refusal)
        /// The caller has left.
        case callerLeft
    }

    /// The beginning of a stream.
    struct Beginning: Sendable {
        var held: HeldPieces
        var speed: StreamSpeed
        /// How long its first meaningful part took.
        var firstToken: Duration?
        var hasEnded = false
    }

    /// Who was asked.
    let attempt: Execution.Attempt
    let result: Result
    /// When it was asked.
    let begin: Instant
    let lesson: Lesson?
    private let place: Mutex<Bulkhead.Permit?>

    init(
        _ attempt: Execution.Attempt, _ result: Result, begin: Instant, lesson: Lesson? = nil,
        place: consuming Bulkhead.Permit? = nil
    ) {
        self.attempt = attempt
        self.result = result
        self.begin = begin
        self.lesson = lesson
        self.place = Mutex(place)
    }

    /// A caller that leaves may leave attempts behind of which nobody tells any more.
    deinit { close(at: attempt.time.now) }

    /// Whether the caller can be given something of it.
    var isAnswer: Bool {
        switch result {
        case .whole, .stream: true
        case .failed, .refused, .callerLeft: false
        }
    }

    /// The attempt is over: gives its place back and ends what is still open.
    func close(at now: Instant) {
        if case .stream(let stream, _) = result { stream.cancel() }
        lesson?.close(at: now)
        let place = place.withLock { $0.take() }
        _ = consume place
    }
}
