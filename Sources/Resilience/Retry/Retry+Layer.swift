extension Retry: ResilienceStrategy {
    /// One layer, a retry.
    public var outline: [PipelineLayer] { [PipelineLayer(name, .retry)] }

    /// Runs `next` until it succeeds or the policy says stop. Errors are judged by ``judgeOfLayer(_:)``.
    @inlinable
    @inline(__always)
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        // No more than this, so that it is compiled into the caller: a loop here cost ten times as much.
        let inner = try begin(context)
        do { return try await next(inner) } catch {
            return try await again(error, inner, next)
        }
    }

    /// What the first attempt is told.
    ///
    /// - Throws: `CancellationError` when the caller was cancelled before.
    @inlinable
    @inline(__always)
    func begin(_ outer: CallContext) throws -> CallContext {
        try Task.checkCancellation()
        var context = outer
        context.attempt = 0
        if !isBare { prepare(&context) }
        return context
    }

    @usableFromInline
    func prepare(_ context: inout CallContext) {
        begin()
        if context.budget == nil { context.budget = budget }
        if policy.maximumDuration != nil { context.retriedSince = time.now }
    }

    @usableFromInline
    func again<Value>(
        _ error: any Error, _ context: CallContext, _ next: (CallContext) async throws -> Value
    ) async throws -> Value {
        try await again(after: error, context, judging: Self.judgeOfLayer, next)
    }

    /// The attempts after the first.
    @usableFromInline
    func again<Value>(
        after error: any Error, _ context: CallContext, judging judge: (any Error) -> Judgement,
        allowing allow: () -> Bool = { true }, _ next: (CallContext) async throws -> Value
    ) async throws -> Value {
        // A call that an open breaker refuses costs no more than this.
        let judgement = judge(error)
        guard case .retry = judgement else {
            tellRefusal()
            throw error
        }
        return try await repeated(
            after: .failure(error), judgement, since: context.retriedSince ?? Instant(),
            deadline: context.deadline,
            judging: { result in
                guard case .failure(let error) = result else { return .accept }
                return judge(error)
            }, allowing: allow
        ) { attempt in
            var context = context
            context.attempt = attempt
            return try await next(context)
        }
    }

    /// What an error means to a retry in a pipeline: errors are retried, but for cancellation and for rejections by layers
    /// inside that would reject the next attempt as well: those of a breaker, and of a rate limiter for a call that costs
    /// more than its limit.
    public static func judgeOfLayer(_ error: any Error) -> Judgement {
        guard let rejection = error as? Rejection else {
            return error is CancellationError ? .accept : .retry()
        }
        switch rejection.reason {
        case .circuitOpen, .probesBusy, .isolated, .deadlinePassed, .exceedsLimit: return .accept
        default: return .retry(after: rejection.retryAfter)
        }
    }
}

extension Retry {
    /// A layer that judges errors by `judge` instead.
    public func judging(_ judge: @escaping @Sendable (any Error) -> Judgement) -> JudgedRetry {
        JudgedRetry(retry: self, judge: judge)
    }
}

/// A retry as a layer, with a judgement of its own.
public struct JudgedRetry: ResilienceStrategy {
    @usableFromInline let retry: Retry
    @usableFromInline let judge: @Sendable (any Error) -> Retry.Judgement

    /// The retry's name.
    public var name: String { retry.name }
    /// One layer, a retry.
    public var outline: [PipelineLayer] { retry.outline }

    /// Runs `next` until it succeeds, an error is not worth another attempt, or the policy says stop.
    @inlinable
    @inline(__always)
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        let inner = try retry.begin(context)
        do { return try await next(inner) } catch {
            return try await retry.again(after: error, inner, judging: judge, next)
        }
    }
}
