import Synchronization

/// Bounds how many permits are taken in a time: calls, or whatever a call costs, such as tokens of a model.
///
/// ```swift
/// let limiter = RateLimiter("search", policy: RateLimitPolicy(permits: 50, per: .seconds(1)))
/// try limiter.acquire()
/// let answer = try await search(query)
/// ```
///
/// Permits are handed out in the order in which they were asked for: a call that does not wait never overtakes one
/// that does. The clock is monotonic; should it go back all the same, no permits come back until it has caught up.
public final class RateLimiter: Sendable {
    /// What became of a waiter.
    private enum Turn: Sendable {
        case passed, cancelled
        /// It may pass at an earlier moment than it was told.
        case moved(Int64)
    }

    private struct Guarded {
        var machine: StateMachine
        var policy: RateLimitPolicy
        var waiters = Waiters<Turn>()

        /// Answers those who may pass earlier than they were told.
        mutating func tellMoves() -> [() -> Void] {
            machine.takeMoves().compactMap { waiters.answer($0.id, .moved($0.due)) }
        }
    }

    /// The name that rejections and events carry.
    public let name: String

    private let guarded: Mutex<Guarded>
    let time: TimeSource
    private let onEvent: (@Sendable (RateLimiterEvent) -> Void)?

    /// Creates a limiter.
    ///
    /// - Parameter onEvent: Told about each call that does not pass at once, and about each new policy.
    public init(
        _ name: String, policy: RateLimitPolicy = RateLimitPolicy(), time: TimeSource = TimeSource(),
        onEvent: (@Sendable (RateLimiterEvent) -> Void)? = nil
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.time = time
        self.onEvent = onEvent
        guarded = Mutex(Guarded(machine: StateMachine(policy, at: time.nanoseconds), policy: policy))
    }

    // MARK: Taking permits

    /// Takes permits if they are there, without waiting, for a cancelled caller too. Zero permits or fewer are always there.
    ///
    /// - Throws: ``Rejection`` with reason `rateLimited` and the time after which the permits will be there, or with
    ///   reason `exceedsLimit` if they never will, being more than the limit.
    public func acquire(permits: Int = 1) throws(Rejection) {
        let now = time.nanoseconds
        if !guarded.withLock({ $0.machine.acquire(permits, at: now) }) { throw refusal(of: permits, at: now) }
    }

    /// Takes one permit if it is there, and tells nobody if it is not.
    @usableFromInline
    func takePermit() -> Bool {
        let now = time.nanoseconds
        return guarded.withLock { $0.machine.acquire(1, at: now) }
    }

    /// Waits for permits, first come first served.
    ///
    /// A cancelled waiter gives its permits back and those behind it move up.
    ///
    /// - Parameter limit: How long it may take; by default as long as the policy says. A call that would wait longer
    ///   is rejected at once.
    /// - Throws: ``Rejection`` with reason `rateLimited` when it would take longer or too many wait, with the time
    ///   after which the permits would be there; with reason `exceedsLimit` when they never will be; or
    ///   `CancellationError`.
    public func wait(permits: Int = 1, upTo limit: Duration? = nil) async throws {
        try Task.checkCancellation()
        let now = time.nanoseconds
        let entry = guarded.withLock {
            $0.machine.enter(permits, upTo: (limit ?? $0.policy.maximumWait).wholeNanoseconds, at: now)
        }
        switch entry {
        case .passed: return
        case .refused(let wait): throw rejection(of: permits, wait: wait)
        case .queued(let id, let due):
            tell(.queued, permits, wait: due &- now)
            do { try await wait(id, until: due) } catch {
                tell(.cancelled, permits, wait: nil)
                throw error
            }
            tell(.passed, permits, wait: nil)
        }
    }

    /// Takes permits that will be there soon, for a caller that waits on its own.
    ///
    /// The permits cannot be given back, and a waiter before them that is cancelled cannot either.
    ///
    /// - Parameter limit: The longest wait that is worth it. Default: any.
    /// - Returns: How long to wait before using them; nil if it would be longer than `limit` or for ever, and then
    ///   none were taken.
    public func reserve(permits: Int = 1, upTo limit: Duration = .unbounded) -> Duration? {
        let now = time.nanoseconds, most = limit.wholeNanoseconds
        let (wait, resumptions) = guarded.withLock { guarded in
            (guarded.machine.reserve(permits, upTo: most, at: now), guarded.tellMoves())
        }
        for resume in resumptions { resume() }
        guard let wait else {
            if onEvent != nil { _ = refusal(of: permits, at: now) }
            return nil
        }
        return .nanoseconds(wait)
    }

    /// Runs `operation` when its permits are there, after at most `limit`. Default: it does not wait.
    ///
    /// - Throws: ``Rejection`` with reason `rateLimited` or `exceedsLimit`, `CancellationError`, or the operation's own
    ///   error.
    public func run<Result>(
        permits: Int = 1, upTo limit: Duration = .zero, _ operation: () async throws -> Result
    ) async throws -> Result {
        if limit > .zero {
            try await wait(permits: permits, upTo: limit)
        } else {
            try Task.checkCancellation()
            try acquire(permits: permits)
        }
        return try await operation()
    }

    // MARK: Policy and load

    /// The policy in force.
    public var policy: RateLimitPolicy { guarded.withLock { $0.policy } }

    /// Goes on under another policy.
    ///
    /// Permits that are there stay, as far as the new limit allows; those of a higher limit come with time. A waiter
    /// keeps the moment it was told, or gets an earlier one if the new policy is faster for all of them. A change of
    /// algorithm keeps the permits that are there, and what is promised stays promised.
    public func reconfigure(_ policy: RateLimitPolicy) {
        policy.assertNoProblems(in: name)
        let now = time.nanoseconds
        let resumptions = guarded.withLock { guarded in
            guarded.policy = policy
            guarded.machine.reconfigure(policy, at: now)
            return guarded.tellMoves()
        }
        for resume in resumptions { resume() }
        tell(.reconfigured, policy.permits, wait: nil)
    }

    /// The permits that could be taken now, and the calls that wait.
    public var load: (available: Int, waiting: Int) {
        let now = time.nanoseconds
        return guarded.withLock { guarded in
            guarded.machine.bringUp(to: now)
            return (max(0, guarded.machine.available), guarded.machine.waiting)
        }
    }

    // MARK: Waiting

    private func refusal(of permits: Int, at now: Int64) -> Rejection {
        rejection(of: permits, wait: guarded.withLock { $0.machine.wait(for: permits, at: now) })
    }

    private func rejection(of permits: Int, wait: Int64?) -> Rejection {
        tell(.rejected, permits, wait: wait)
        guard let wait else { return Rejection(.exceedsLimit, strategy: name) }
        return Rejection(.rateLimited, strategy: name, retryAfter: .nanoseconds(wait))
    }

    private func tell(_ happening: RateLimiterEvent.Happening, _ permits: Int, wait: Int64?) {
        onEvent?(
            RateLimiterEvent(
                strategy: name, happening: happening, permits: permits, wait: wait.map { .nanoseconds($0) }))
    }

    private func wait(_ id: UInt64, until due: Int64) async throws {
        var due = due
        while true {
            switch await turn(of: id, until: due) {
            case .passed: return
            case .cancelled: throw CancellationError()
            case .moved(let earlier): due = earlier
            }
        }
    }

    /// Waits until its time has come or something else has happened to the waiter.
    private func turn(of id: UInt64, until due: Int64) async -> Turn {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                guard (try? await self.time.sleep(until: Instant(sinceOrigin: .nanoseconds(due)))) != nil
                else {
                    return
                }
                self.pass(id, due: due)
            }
            defer { group.cancelAll() }
            return await self.suspend(id)
        }
    }

    private func suspend(_ id: UInt64) async -> Turn {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                guarded.withLock { $0.waiters.suspend(id, waiter) }?()
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func pass(_ id: UInt64, due: Int64) {
        let resumptions = guarded.withLock { guarded -> [() -> Void] in
            guard guarded.machine.pass(id, due: due) else { return [] }
            return [guarded.waiters.answer(id, .passed)].compactMap(\.self) + guarded.tellMoves()
        }
        for resume in resumptions { resume() }
    }

    private func cancel(_ id: UInt64) {
        let now = time.nanoseconds
        let resumptions = guarded.withLock { guarded -> [() -> Void] in
            guard guarded.machine.cancel(id, at: now) else { return [] }
            return [guarded.waiters.answer(id, .cancelled)].compactMap(\.self) + guarded.tellMoves()
        }
        for resume in resumptions { resume() }
    }
}
