extension Hedge {
    /// Runs `first` in the caller's task and, once `delay` has passed without its end, `second` beside it in a task of its
    /// own. Returns when both have ended.
    ///
    /// ``run(mayOverlap:cost:deadline:accepting:handling:discard:alsoFailed:_:)`` makes a task for each attempt;
    /// this makes none until a hedge is due, which is cheaper where that is rare. What it asks for in return: the first
    /// attempt cannot be cancelled by itself, so `breakOff` must end it. There is one hedge at most, if the policy and the
    /// budget allow any.
    ///
    /// It does not throw, so it cannot keep `first` from a caller that was cancelled before: `first` runs alone then,
    /// nothing is paid in for hedges, and what becomes of it is its own to say. Look at `Task.isCancelled` before where
    /// that matters. Once the caller is cancelled no hedge begins.
    ///
    /// - Parameters:
    ///   - spawner: Where the second attempt runs.
    ///   - accepts: Whether a value may be the answer. If both may be, the first one's is.
    ///   - breakOff: Ends the first attempt, whose value is not wanted any more. May be called when it has just ended.
    ///   - second: Nil if it is not to be made after all. Its task is cancelled if the first one's value is accepted or the
    ///     caller's task is cancelled, also while `first` runs.
    /// - Returns: The caller's answer, which is the first attempt's unless only the second's is accepted; and what the
    ///   other one brought.
    public func runInPlace<Value: Sendable>(
        delay: Duration, spawner: Spawner, accepting accepts: @escaping @Sendable (Value) -> Bool,
        breakOff: @escaping @Sendable () -> Void, second: @escaping @Sendable () async -> Value?,
        first: () async -> Value
    ) async -> (winner: Value, other: Value?) {
        guard !Task.isCancelled else { return (await first(), nil) }
        depositForHedge()
        guard policy.hedges(costing: 0) > 0 else { return (await first(), nil) }
        let hedge = SecondAttempt(self, spawner, second) { if accepts($0) { breakOff() } }
        let alarm = timers.set(hedge, at: time.now.advanced(by: delay))
        return await withTaskCancellationHandler {
            let value = await first()
            timers.cancel(alarm)
            guard !hedge.callOff() else { return (value, nil) }
            let isAnswer = accepts(value)
            if isAnswer { hedge.cancel() }
            let other = await hedge.end()
            guard let other, !isAnswer, accepts(other) else { return (value, other) }
            return (other, value)
        } onCancel: {
            hedge.cancel()
        }
    }
}
