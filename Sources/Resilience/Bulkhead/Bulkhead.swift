import Synchronization

/// Bounds how many calls run at a time, so that one slow dependency cannot take everything.
///
/// ```swift
/// let bulkhead = Bulkhead("search", policy: BulkheadPolicy(limit: 50, queue: 100, maximumWait: .seconds(1)))
/// let answer = try await bulkhead.run { try await search(query) }
/// ```
///
/// A cancelled waiter leaves the queue at once; a place is given back exactly once, whatever the way out.
///
/// A free place goes to the waiter of the highest priority, and of those to the one that came first. When the queue is
/// full, a call of higher priority takes the room of the one that came last of those with the lowest. So calls of low
/// priority starve while those of higher ones keep coming: give them a ``BulkheadPolicy/maximumWait``, or places of
/// their own by ``BulkheadPolicy/partitions``.
public final class Bulkhead: Sendable {
    private struct Guarded {
        var machine: StateMachine
        var waiters = Waiters<Result<Ticket, any Error>>()
    }

    /// The name that rejections and events carry.
    public let name: String

    private let guarded: Mutex<Guarded>
    private let time: TimeSource
    private let onEvent: (@Sendable (BulkheadEvent) -> Void)?

    /// Creates an empty bulkhead.
    ///
    /// - Parameter onEvent: Told about each call that does not get a place at once.
    public init(
        _ name: String, policy: BulkheadPolicy = BulkheadPolicy(), time: TimeSource = TimeSource(),
        onEvent: (@Sendable (BulkheadEvent) -> Void)? = nil
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.time = time
        self.onEvent = onEvent
        guarded = Mutex(Guarded(machine: StateMachine(policy)))
    }

    /// Runs `operation` when it has a place.
    ///
    /// - Throws: ``Rejection`` with reason `full`, `waitedTooLong` or `displaced`, `CancellationError`, or the
    ///   operation's own error.
    public func run<Result>(
        priority: Int = 0, partition: String? = nil, bypass: Bool = false,
        _ operation: () async throws -> Result
    ) async throws -> Result {
        let permit = try await enter(priority: priority, partition: partition, bypass: bypass)
        let result = try await operation()
        _ = consume permit
        return result
    }

    /// Waits for a place.
    ///
    /// - Parameters:
    ///   - priority: Whose turn it is first while calls wait: the higher number. Default: 0.
    ///   - partition: The partition whose kept places the call may use.
    ///   - bypass: Lets the call in without taking a place, for calls that must always get through.
    ///   - deadline: The moment from which a place is of no use, on the bulkhead's clock, if that is before the policy's
    ///     ``BulkheadPolicy/maximumWait``. Default: none.
    /// - Throws: ``Rejection`` with reason `full`, `waitedTooLong` or `displaced`, or `CancellationError`.
    public func enter(
        priority: Int = 0, partition: String? = nil, bypass: Bool = false, deadline: Instant? = nil
    ) async throws -> Permit {
        try Task.checkCancellation()
        if let ticket = enterAtOnce(partition, bypass) { return Permit(bulkhead: self, ticket: ticket) }
        return Permit(bulkhead: self, ticket: try await queue(priority, partition, deadline))
    }

    /// Takes a place if there is one, without waiting, for a cancelled caller too.
    ///
    /// - Throws: ``Rejection`` with reason `full`.
    public func tryEnter(partition: String? = nil, bypass: Bool = false) throws(Rejection) -> Permit {
        guard let ticket = enterAtOnce(partition, bypass) else {
            tell(.rejected, partition)
            throw Rejection(.full, strategy: name)
        }
        return Permit(bulkhead: self, ticket: ticket)
    }

    private func enterAtOnce(_ partition: String?, _ bypass: Bool) -> Ticket? {
        guarded.withLock {
            let entry = $0.machine.enter(
                partition: partition, bypass: bypass, mayQueue: false, at: Instant())
            return if case .admitted(let ticket) = entry { ticket } else { nil }
        }
    }

    /// Takes a place if one is free for calls without a partition.
    @usableFromInline
    func takePlace() -> Bool { enterAtOnce(nil, false) != nil }

    @usableFromInline
    func givePlace() { leave(.anybody) }

    /// The calls that run and that wait now.
    public var load: (running: Int, queued: Int) {
        guarded.withLock { ($0.machine.running, $0.machine.queued) }
    }

    // MARK: Policy

    /// The policy in force.
    public var policy: BulkheadPolicy { guarded.withLock { $0.machine.policy } }

    /// Goes on under another policy.
    ///
    /// A higher limit lets waiters in at once. Under a lower one nobody who runs has to leave: calls end until fewer run
    /// than it allows, and only then the next one gets a place. Those who wait stay, for as long as they were told.
    public func reconfigure(_ policy: BulkheadPolicy) {
        policy.assertNoProblems(in: name)
        let resumptions = guarded.withLock { guarded in
            guarded.machine.reconfigure(policy).compactMap {
                guarded.waiters.answer($0.id, .success($0.ticket))
            }
        }
        for resume in resumptions { resume() }
    }

    // MARK: Waiting

    /// Waits for a place after there was none. Only here the time is needed.
    private func queue(_ priority: Int, _ partition: String?, _ deadline: Instant?) async throws -> Ticket {
        let now = time.now, displaced = Rejection(.displaced, strategy: name)
        let (entry, until, resume) = guarded.withLock { guarded in
            let entry = guarded.machine.enter(
                priority: priority, partition: partition, deadline: deadline, at: now)
            var resume: (() -> Void)?
            if case .queued(_, displacing: let id?) = entry {
                resume = guarded.waiters.answer(id, .failure(displaced))
            }
            return (entry, guarded.machine.endOfWait(deadline, at: now), resume)
        }
        resume?()
        switch entry {
        case .admitted(let ticket): return ticket
        case .refused:
            tell(.rejected, partition)
            throw Rejection(.full, strategy: name)
        case .queued(let id, _):
            tell(.queued, partition)
            do {
                let ticket = try await wait(id, until: until)
                tell(.admitted, partition)
                return ticket
            } catch {
                tell(BulkheadEvent.Happening(error), partition)
                throw error
            }
        }
    }

    private func wait(_ id: UInt64, until moment: Instant?) async throws -> Ticket {
        guard let moment else { return try await wait(id) }
        // The timer lives in a child task only while a call waits; calls that find a place never pay for it.
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await self.time.sleep(until: moment)
                // A clock may wake its sleepers a little early.
                self.expire(at: max(moment, self.time.now))
            }
            defer { group.cancelAll() }
            return try await self.wait(id)
        }
    }

    private func wait(_ id: UInt64) async throws -> Ticket {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                guarded.withLock { $0.waiters.suspend(id, waiter) }?()
            }
        } onCancel: {
            guarded.withLock { guarded in
                guarded.machine.withdraw(id) ? guarded.waiters.answer(id, .failure(CancellationError())) : nil
            }?()
        }
        return try result.get()
    }

    private func expire(at now: Instant) {
        let late = Rejection(.waitedTooLong, strategy: name)
        let resumptions = guarded.withLock { guarded in
            guarded.machine.expire(at: now).compactMap { guarded.waiters.answer($0, .failure(late)) }
        }
        for resume in resumptions { resume() }
    }

    private func tell(_ happening: BulkheadEvent.Happening, _ partition: String?) {
        guard let onEvent else { return }
        let (running, queued) = load
        onEvent(
            BulkheadEvent(
                strategy: name, happening: happening, partition: partition, running: running, queued: queued))
    }

    fileprivate func leave(_ ticket: Ticket) {
        let resumptions = guarded.withLock { guarded in
            guarded.machine.leave(ticket).compactMap { guarded.waiters.answer($0.id, .success($0.ticket)) }
        }
        for resume in resumptions { resume() }
    }
}

extension Bulkhead {
    /// A place in the bulkhead; it is given back when this value ends.
    public struct Permit: ~Copyable, Sendable {
        private let bulkhead: Bulkhead
        private let ticket: Ticket

        fileprivate init(bulkhead: Bulkhead, ticket: Ticket) {
            self.bulkhead = bulkhead
            self.ticket = ticket
        }

        deinit { bulkhead.leave(ticket) }
    }
}
