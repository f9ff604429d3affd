import Generation
import Resilience
import Synchronization

/// An answer that was not good enough, kept for the case that there is no better one.
struct RejectedAnswer: Sendable {
    /// Its bytes.
    enum Content: Sendable {
        /// All of it at once.
        case whole(WholeReply)
        /// A stream of which nothing was delivered, as one piece.
        case stream(ReplyPiece, ReplyFacts)
    }

    let content: Content
    /// Why it was not good enough, as the failure's cause.
    let cause: String
    /// Who gave it.
    let provider: String
    let model: String

    var facts: ReplyFacts {
        switch content {
        case .whole(let whole): whole.facts
        case .stream(_, let facts): facts
        }
    }
}

extension Execution {
    /// Whether what a request's answer says must be kept, so that it can be judged: streams only where all of them is
    /// held back, since what was delivered cannot be taken back.
    var judges: Bool {
        (!request.streams || brokenStreams == .buffer) && settings.answers.mustSee(request)
    }

    /// Gives the caller an answer that was not good enough, and says so.
    func deliver(
        _ answer: RejectedAnswer, _ account: inout Account, into sink: some ReplySink
    ) async throws(CallerLeft) {
        account.asking(provider: answer.provider, model: answer.model)
        account.note(facts: answer.facts)
        account.note(flaw: answer.cause)
        var summary = account.summary(at: time.now)
        summary.flaw = answer.cause
        switch answer.content {
        case .whole(let whole): try await sink.deliver(whole, summary)
        case .stream(let piece, _):
            try await sink.begin(summary)
            try await sink.deliver(piece)
            try await sink.finish()
        }
    }
}

extension Execution.Attempt {
    /// Why an answer is not good enough; nil if it is. The first one is kept, where it is better than none.
    func failure(
        of choices: [AnsweredChoice]?, _ content: @autoclosure () -> RejectedAnswer.Content
    ) async -> AttemptFailure? {
        guard let choices else { return nil }
        let rules = execution.settings.answers, request = execution.request
        let found = await LargeBody.read(choices.reduce(0) { $0 + $1.text.utf8.count }) {
            rules.failure(of: choices, for: request)
        }
        guard let failure = found else { return nil }
        if rules.lastResort == .deliver {
            let answer = RejectedAnswer(
                content: content(), cause: failure.cause, provider: target.provider.name, model: target.model)
            execution.rejected.withLock { if $0 == nil { $0 = answer } }
        }
        return failure
    }
}
