import Generation
import Resilience

/// The way of one request's answer to its caller: what has reached it, and the account of how.
///
/// Belongs to the request's own task; attempts that run beside each other do not touch it.
final class Delivery {
    /// How far the caller has been told.
    private enum Progress {
        case nothing, begun, ended
    }

    /// The books of the request.
    var account: Account
    /// The text that must be gone on with; nil before an answer broke off.
    var delivered: DeliveredText?
    private var progress = Progress.nothing
    private let sink: any ReplySink

    /// Begins with nothing delivered.
    init(_ account: consuming Account, into sink: any ReplySink) {
        self.account = account
        self.sink = sink
    }

    /// Whether a stream to the caller was begun.
    var hasBegun: Bool { progress != .nothing }

    // MARK: The answer

    /// Gives the caller a whole answer.
    func give(_ reply: WholeReply, _ summary: DecisionSummary) async throws(CallerLeft) {
        end(from: .nothing)
        try await sink.deliver(reply, summary)
    }

    /// Gives the caller the next part of its stream, which begins with it if there was none before.
    func give(_ piece: ReplyPiece, _ summary: @autoclosure () -> DecisionSummary) async throws(CallerLeft) {
        if progress == .nothing {
            progress = .begun
            try await sink.begin(summary())
        }
        try await give(piece)
    }

    /// Gives the caller another part of a stream that was begun.
    func give(_ piece: ReplyPiece) async throws(CallerLeft) {
        assert(progress == .begun, "a part of a stream that is not open")
        try await sink.deliver(piece)
    }

    /// Ends the stream as complete.
    func finish() async throws(CallerLeft) {
        end(from: .begun)
        try await sink.finish()
    }

    // MARK: Its end without one

    /// Ends the stream as broken.
    func interrupt(_ failure: AttemptFailure) async throws(CallerLeft) {
        end(from: .begun)
        try await sink.interrupt(failure)
    }

    /// Tells the caller that there is no answer.
    func refuse(_ failure: GatewayFailure, at now: Instant) async throws(CallerLeft) {
        end(from: .nothing)
        try await sink.refuse(failure, account.summary(at: now))
    }

    private func end(from expected: Progress) {
        assert(progress == expected, "the caller is told twice, or the end of what was not begun")
        progress = .ended
    }
}
