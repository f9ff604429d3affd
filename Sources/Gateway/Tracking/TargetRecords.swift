import Resilience
import Routing
import Synchronization

/// The records of all targets, shared by all routes and kept across reloads.
public final class TargetRecords: Sendable {
    private let book: Mutex<TargetRecordBook>
    private let time: TimeSource
    /// Seconds since 1970 at the origin of the clock. Taken once, so that a step of the machine's wall clock makes no gap.
    private let epoch: Double

    init(time: TimeSource, wallClockMilliseconds: Int64, capacity: Int = 256) {
        self.time = time
        epoch = Double(wallClockMilliseconds) / 1000 - time.now.seconds
        book = Mutex(TargetRecordBook(capacity: capacity))
    }

    /// The present moment, in seconds since 1970.
    public var now: Double { seconds(time.now) }

    /// What is known of a target; nil if nothing was heard of it.
    public subscript(identity: TargetIdentity) -> TargetRecord? {
        book.withLock { $0.records[identity] }
    }

    /// Forgets targets that no configuration names any more.
    public func keep(only identities: Set<TargetIdentity>) {
        book.withLock { $0.keep(only: identities) }
    }

    /// Notes a request that has ended.
    func note(_ decision: Decision, on route: Route, at now: Instant) {
        let outcomes = decision.outcomes(on: route.settings.targets)
        guard !outcomes.isEmpty else { return }
        let seconds = seconds(now)
        book.withLock { $0.note(outcomes, isLong: decision.isLong, at: seconds) }
    }

    /// Notes what a user says of an answer.
    func note(score: Double, of step: Decision.Step, isLong: Bool) {
        let seconds = now
        book.withLock {
            $0.note(score: score, of: step.target, key: step.key, isLong: isLong, at: seconds)
        }
    }

    private func seconds(_ now: Instant) -> Double { epoch + now.seconds }
}
