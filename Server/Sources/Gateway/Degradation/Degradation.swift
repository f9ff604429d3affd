import Generation
import Resilience

/// What a route has for a caller when no target gave a good answer, before it is told so. One rung today: the first answer
/// that was not good enough, where the route says that it is better than none.
struct Degradation {
    let time: TimeSource

    /// Gives the caller what is better than a failure.
    ///
    /// - Returns: `outcome` if there is nothing of the kind.
    func serve(_ outcome: Outcome, _ delivery: Delivery) async throws(CallerLeft) -> Outcome {
        guard case .failed(_, let rejected?) = outcome, !delivery.hasBegun else { return outcome }
        try await give(rejected, delivery)
        return .answered
    }

    private func give(_ answer: RejectedAnswer, _ delivery: Delivery) async throws(CallerLeft) {
        delivery.account.asking(provider: answer.provider, model: answer.model)
        delivery.account.note(facts: answer.facts)
        delivery.account.note(flaw: answer.cause)
        let summary = delivery.account.summary(at: time.now)
        switch answer.content {
        case .whole(let whole): try await delivery.give(whole, summary)
        case .stream(let piece, _):
            try await delivery.give(piece, summary)
            try await delivery.finish()
        }
    }
}
