extension CircuitBreaker: ResilienceStrategy {
    /// One layer, a circuit breaker.
    public var outline: [PipelineLayer] { [PipelineLayer(name, .circuitBreaker)] }

    /// Runs `next` if the breaker lets it through. Errors are judged by ``judgeOfLayer(_:)``.
    @inlinable
    @inline(__always)
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try await run(judging: CircuitBreaker.judgeOfLayer) { try await next(context) }
    }

    /// What an error means to a breaker in a pipeline: cancellation and rejections by layers inside say nothing about
    /// what it protects, but for a time that ran out while the call was made; all other errors are failures.
    public static func judgeOfLayer(_ error: any Error) -> Outcome {
        guard let rejection = error as? Rejection else { return judge(error) }
        return rejection.reason == .timedOut ? .failure() : .ignored
    }
}
