import Generation

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
