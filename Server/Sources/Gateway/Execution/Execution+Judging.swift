import Generation
import Synchronization

extension Execution {
    /// Whether what a request's answer says must be kept, so that it can be judged: streams only where all of them is
    /// held back, since what was delivered cannot be taken back.
    var judges: Bool {
        (!request.streams || route.settings.attempts.brokenStreams == .buffer)
            && route.settings.answers.mustSee(request)
    }
}

extension Execution.Attempt {
    /// Why an answer is not good enough; nil if it is. The first one is kept, where it is better than none.
    func failure(
        of choices: [AnsweredChoice]?, _ content: @autoclosure () -> RejectedAnswer.Content
    ) async -> AttemptFailure? {
        guard let choices else { return nil }
        let rules = execution.route.settings.answers, request = execution.request
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
