import Synchronization

/// Bounds how many calls run at a time, so that one slow dependency cannot take everything.
///
/// ```swift
/// let bulkhead = Bulkhead("search", policy: BulkheadPolicy(limit: 50, queue: 100, maximumWait: .seconds(1)))
/// let answer = try await bulkhead.run { try await search(query) }
/// ```
///
/// A cancelled waiter leaves the queue at once; a place is given back exactly once, whatever the way out.
public final class Bulkhead: Sendable {
    private typealias Waiter = CheckedContinuation<Result<Ticket, any Error>, Never>

    private struct Guarded {
        var machine: StateMachine
        var waiters: [UInt64: Waiter] = [:]
        /// What happened to calls in the queue before they could suspend.
        var early: [UInt64: Result<Ticket, any Error>] = [:]

        /// Hands a waiter its result, now or when it suspends. The waiter is resumed outside the lock.
        mutating func settle(_ id: UInt64, _ result: Result<Ticket, any Error>) -> (() -> Void)? {
            guard let waiter = waiters.removeValue(forKey: id) else {
                early[id] = result
                return nil
            }
            return { waiter.resume(returning: result) }
        }
    }

    /// The name that rejections and events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: BulkheadPolicy

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
        self.name = name
        self.policy = policy
        self.time = time
        self.onEvent = onEvent
        guarded = Mutex(Guarded(machine: StateMachine(policy)))
    }

    /// Runs `operation` when it has a place.
    ///
    /// - Throws: ``Rejection`` with reason `full` or `waitedTooLong`, `CancellationError`, or the operation's own error.
    public func run<Result>(
        partition: String? = nil, bypass: Bool = false,
        _ operation: () async throws -> Result
    ) async throws -> Result {
        let permit = try await enter(partition: partition, bypass: bypass)
        let result = try await operation()
        _ = consume permit
        return result
    }

    /// Waits for a place.
    ///
    /// - Parameters:
    ///   - partition: The partition whose kept places the call may use.
    ///   - bypass: Lets the call in without taking a place, for calls that must always get through.
    /// - Throws: ``Rejection`` with reason `full` or `waitedTooLong`, or `CancellationError`.
    public func enter(partition: String? = nil, bypass: Bool = false) async throws -> Permit {
        let now = policy.maximumWait == nil ? Instant() : time.now
        switch guarded.withLock({ $0.machine.enter(partition: partition, bypass: bypass, at: now) }) {
        case .admitted(let ticket): return Permit(bulkhead: self, ticket: ticket)
        case .refused:
            tell(.rejected, partition)
            throw Rejection(.full, strategy: name)
        case .queued(let id):
            tell(.queued, partition)
            do {
                let permit = Permit(bulkhead: self, ticket: try await wait(id, since: now))
                tell(.admitted, partition)
                return permit
            } catch {
                tell(error is CancellationError ? .cancelled : .waitedTooLong, partition)
                throw error
            }
        }
    }

    /// Takes a place if there is one, without waiting.
    ///
    /// - Throws: ``Rejection`` with reason `full`.
    public func tryEnter(partition: String? = nil, bypass: Bool = false) throws(Rejection) -> Permit {
        let entry = guarded.withLock {
            $0.machine.enter(partition: partition, bypass: bypass, mayQueue: false, at: Instant())
        }
        guard case .admitted(let ticket) = entry else {
            tell(.rejected, partition)
            throw Rejection(.full, strategy: name)
        }
        return Permit(bulkhead: self, ticket: ticket)
    }

    /// The calls that run and that wait now.
    public var load: (running: Int, queued: Int) {
        guarded.withLock { ($0.machine.running, $0.machine.queued) }
    }

    // MARK: Waiting

    private func wait(_ id: UInt64, since now: Instant) async throws -> Ticket {
        guard let limit = policy.maximumWait else { return try await wait(id) }
        // The timer lives in a child task only while a call waits; calls that find a place never pay for it.
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await self.time.sleep(until: now.advanced(by: limit))
                self.expire()
            }
            defer { group.cancelAll() }
            return try await self.wait(id)
        }
    }

    private func wait(_ id: UInt64) async throws -> Ticket {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: Waiter) in
                let early = guarded.withLock { guarded -> Result<Ticket, any Error>? in
                    if let early = guarded.early.removeValue(forKey: id) { return early }
                    guarded.waiters[id] = waiter
                    return nil
                }
                if let early { waiter.resume(returning: early) }
            }
        } onCancel: {
            guarded.withLock { guarded in
                guarded.machine.withdraw(id) ? guarded.settle(id, .failure(CancellationError())) : nil
            }?()
        }
        return try result.get()
    }

    private func expire() {
        let now = time.now
        let late = Rejection(.waitedTooLong, strategy: name)
        let resumptions = guarded.withLock { guarded in
            guarded.machine.expire(at: now).compactMap { guarded.settle($0, .failure(late)) }
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
            guarded.machine.leave(ticket).compactMap { guarded.settle($0.id, .success($0.ticket)) }
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
