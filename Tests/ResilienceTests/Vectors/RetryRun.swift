import Synchronization

@testable import Resilience

/// One call that is retried in virtual time, by a real retry.
struct RetryRun {
    private final class Log: Sendable {
        struct Seen {
            var steps: [Retry.Step] = []
            var discarded = 0
        }

        let seen = Mutex(Seen())
    }

    /// What a server's pushback does: it is taken as it is (gRFC A6).
    static let pushback = RetryPolicy.RetryAfter.exact(ceiling: .unbounded)

    let policy: RetryPolicy
    /// The waits that replace the computed ones; the last goes for all that follow.
    var generated: [Duration] = []
    /// Whether an outcome is worth another attempt.
    let handles: @Sendable (Outcome) -> Bool
    let stage: Stage

    /// Makes the call that a step describes.
    ///
    /// - Returns: What was seen.
    func play(_ step: Fields) throws -> [String: JSON] {
        let outcomes = try step.required("outcomes").outcomes()
        let durations = try step.list("durations_ms")?.map { try $0.duration() } ?? []
        if durations.count > outcomes.count {
            throw try step.required("durations_ms").wrong("one time for each outcome")
        }
        let script = outcomes.enumerated().map {
            PlayedAttempt($1, after: $0 < durations.count ? durations[$0] : .zero)
        }
        let attempts = PlayedAttempts(script, stage), log = Log(), sleeps = stage.sleeps
        let cancel = step["cancel"], cancellation = try cancel?.cancellation()
        let call = start(attempts, log)
        switch cancellation {
        case .before: call.cancel()
        case .during(let attempt): attempts.cancel(at: attempt) { call.cancel() }
        case .duringDelay:
            guard try cancelWaiting(call, attempts, log) else {
                throw Unsupported("\(step.path).cancel: the call never waits")
            }
        case nil: break
        }
        let result = try stage.finish(call)
        if case .during = cancellation, let cancel, !attempts.all.isCancelled {
            throw cancel.wrong("an attempt that is made")
        }
        return shown(result, attempts, log.seen.withLock { $0 }, timers: stage.sleeps - sleeps)
    }

    private func start(_ attempts: PlayedAttempts, _ log: Log) -> StagedCall<Int> {
        let retry = Retry(
            "retry", policy: policy, time: stage.strategies, chance: Chance(seed: 7),
            onEvent: { event in log.seen.withLock { $0.steps.append(event.step) } })
        let (generated, handles) = (generated, handles)
        return stage.start {
            try await retry.run(
                judging: { result in
                    let outcome = Self.outcome(result, attempts)
                    guard handles(outcome) else { return .accept }
                    if case .error(let error) = outcome { return .retry(after: error.retryAfter) }
                    return .retry()
                },
                delay: { number in generated.isEmpty ? nil : generated[min(number, generated.count) - 1] },
                discard: { _ in log.seen.withLock { $0.discarded += 1 } }
            ) { _ in try await attempts.run() }
        }
    }

    /// Cancels the call while it waits for its next attempt.
    ///
    /// - Returns: False if it never waits.
    private func cancelWaiting(_ call: StagedCall<Int>, _ attempts: PlayedAttempts, _ log: Log) throws -> Bool
    {
        try stage.settle()
        while call.result == nil {
            let seen = attempts.all
            if seen.running.isEmpty, case .retry? = log.seen.withLock({ $0.steps.last }) {
                call.cancel()
                return true
            }
            guard try stage.advanceToNextSleeper() else { break }
        }
        return false
    }

    private static func outcome(_ result: Result<Int, any Error>, _ attempts: PlayedAttempts) -> Outcome {
        switch result {
        case .success(let number): return attempts.line(number)?.outcome ?? .cancelled
        case .failure(let error as PlayedError): return .error(error)
        case .failure: return .cancelled
        }
    }

    private func shown(
        _ result: Result<Int, any Error>, _ attempts: PlayedAttempts, _ log: Log.Seen, timers: Int
    ) -> [String: JSON] {
        let delays = log.steps.compactMap { step -> Duration? in
            if case .retry(let wait, _) = step { wait } else { nil }
        }
        let executions = attempts.all.starts.count
        let shortest = delays.min(), longest = delays.max()
        return [
            "executions": JSON(executions), "retries": JSON(max(0, executions - 1)),
            "on_retry_called": .bool(!log.steps.isEmpty),
            "attempts": .list(delays.indices.map { JSON($0) }),
            "delays_ms": .list(delays.map { JSON($0) }), "all_between": .list(delays.map { JSON($0) }),
            "min_delay_ms": shortest.map { JSON($0) } ?? .null,
            "max_delay_ms": longest.map { JSON($0) } ?? .null,
            "timers": JSON(timers), "disposed": JSON(log.discarded),
            "result": .string(word(result, attempts, log.steps.last)),
        ]
    }

    private func word(_ result: Result<Int, any Error>, _ attempts: PlayedAttempts, _ last: Retry.Step?)
        -> String
    {
        if case .failure(let error) = result, error is CancellationError { return "cancelled" }
        switch last {
        case .stop(.duration)?: return "retries_exceeded"
        case .stop(.budget)?: return "budget_exceeded"
        default: break
        }
        switch Self.outcome(result, attempts) {
        case .value(let word): return word
        case .error(let error): return error.word
        case .cancelled: return "cancelled"
        }
    }
}
