/// Callers that wait for an answer, by number, and the answers that came before their callers had suspended. For use under
/// a lock; who is answered is resumed when that was given back.
struct Waiters<Answer: Sendable>: Sendable {
    typealias Waiter = CheckedContinuation<Answer, Never>
    /// Resumes a waiter.
    typealias Resumption = @Sendable () -> Void

    private var suspended: [UInt64: Waiter] = [:]
    private var early: [UInt64: Answer] = [:]

    /// Answers a caller that has suspended or is about to. A later answer replaces one that it has not got yet.
    ///
    /// - Returns: What resumes it; nil if it has not suspended yet.
    mutating func answer(_ id: UInt64, _ answer: Answer) -> Resumption? {
        guard let waiter = suspended.removeValue(forKey: id) else {
            early[id] = answer
            return nil
        }
        return { waiter.resume(returning: answer) }
    }

    /// Keeps a caller that suspends.
    ///
    /// - Returns: What resumes it at once, since its answer is there.
    mutating func suspend(_ id: UInt64, _ waiter: Waiter) -> Resumption? {
        guard let answer = early.removeValue(forKey: id) else {
            suspended[id] = waiter
            return nil
        }
        return { waiter.resume(returning: answer) }
    }
}
