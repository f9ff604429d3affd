import Synchronization

extension Retry {
    /// The decisions about a call that has failed. Made only then: most calls succeed at once.
    @usableFromInline
    final class Course {
        fileprivate var machine: StateMachine

        fileprivate init(_ machine: StateMachine) {
            self.machine = machine
        }
    }

    /// The present moment if the policy needs to know when a call began.
    @usableFromInline
    var start: Instant { policy.maximumDuration == nil ? Instant() : time.now }

    /// Decides what follows a result, and takes from the budget what that costs.
    ///
    /// - Parameters:
    ///   - delay: Replaces the computed wait before the given retry, counted from 1; nil keeps it.
    ///   - allow: Asked last, whether a retry may be made.
    /// - Returns: The wait and the number of the attempt after it; nil if the result is the last.
    @usableFromInline
    func next(
        _ course: inout Course?, after judgement: Judgement, since startedAt: Instant, deadline: Instant?,
        attempt: Int, delay: (Int) -> Duration? = { _ in nil }, allowing allow: () -> Bool = { true }
    ) -> (wait: Duration, attempt: Int)? {
        guard case .retry(let wish) = judgement, !Task.isCancelled else { return nil }
        let current = course ?? Course(StateMachine(policy, startedAt: startedAt, deadline: deadline))
        course = current
        let random = chance.withLock { $0.unit() }
        var step = current.machine.next(
            retryAfter: wish, delay: delay(attempt + 1), random: random, at: time.now)
        if case .retry = step, budget?.withdraw() == false || !allow() { step = .stop(.budget) }
        onEvent?(RetryEvent(retry: name, step: step))
        guard case .retry(let wait, let attempt) = step else { return nil }
        return (wait, attempt)
    }
}
