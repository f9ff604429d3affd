extension Retry {
    /// A layer whose retries are taken from `quota` too.
    ///
    /// - Parameter judge: Says what an error means.
    public func within(
        _ quota: RetryQuota, judging judge: @escaping @Sendable (any Error) -> Judgement = Retry.judgeOfLayer
    ) -> RationedRetry {
        RationedRetry(retry: self, ration: .quota(quota), judge: judge)
    }

    /// A layer whose retries are at most a share of the calls under way too.
    ///
    /// - Parameter judge: Says what an error means.
    public func within(
        _ budget: ConcurrencyRetryBudget,
        judging judge: @escaping @Sendable (any Error) -> Judgement = Retry.judgeOfLayer
    ) -> RationedRetry {
        RationedRetry(retry: self, ration: .share(budget), judge: judge)
    }
}

/// A retry as a layer that a ``RetryQuota`` or a ``ConcurrencyRetryBudget`` bounds, besides its own budget if it has one.
///
/// ```swift
/// let pipeline = Pipeline {
///     Retry("search").within(quota)
///     breaker
/// }
/// ```
///
/// A retry that is not allowed stops the call with its last error, and the event says `budget`.
public struct RationedRetry: ResilienceStrategy {
    enum Ration: Sendable {
        case quota(RetryQuota), share(ConcurrencyRetryBudget)
    }

    let retry: Retry
    let ration: Ration
    let judge: @Sendable (any Error) -> Retry.Judgement

    /// The retry's name.
    public var name: String { retry.name }
    /// One layer, a retry.
    public var outline: [PipelineLayer] { retry.outline }

    /// Runs `next` until it succeeds, an error is not worth another attempt, or no further one is allowed.
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        switch ration {
        case .quota(let quota): try await run(context, within: quota, next)
        case .share(let budget): try await run(context, within: budget, next)
        }
    }

    private func run<Value>(
        _ context: CallContext, within quota: RetryQuota, _ next: (CallContext) async throws -> Value
    ) async throws -> Value {
        let context = try retry.begin(context)
        var taken: Int?
        do {
            let value = try await next(context)
            quota.succeeded()
            return value
        } catch {
            var isTimeout = false
            let value = try await retry.again(
                after: error, context,
                judging: { error in
                    let judgement = judge(error)
                    guard case .retry = judgement else { return judgement }
                    isTimeout = (error as? Rejection)?.reason == .timedOut
                    if quota.takesForEveryFailure { taken = quota.acquire(afterTimeout: isTimeout) }
                    return judgement
                },
                allowing: {
                    if !quota.takesForEveryFailure { taken = quota.acquire(afterTimeout: isTimeout) }
                    return taken != nil
                }, next)
            quota.succeeded(cost: taken ?? 0)
            return value
        }
    }

    private func run<Value>(
        _ context: CallContext, within budget: ConcurrencyRetryBudget,
        _ next: (CallContext) async throws -> Value
    ) async throws -> Value {
        let context = try retry.begin(context)
        var isRetrying = false
        budget.began()
        defer {
            // The wait of an allowed retry may have been cancelled.
            if isRetrying { budget.retryEnded() }
            budget.ended()
        }
        do { return try await next(context) } catch {
            return try await retry.again(
                after: error, context, judging: judge,
                allowing: {
                    isRetrying = budget.beginRetry()
                    return isRetrying
                },
                { context in
                    defer {
                        isRetrying = false
                        budget.retryEnded()
                    }
                    return try await next(context)
                })
        }
    }
}
