public import Resilience
public import Routing
import Synchronization

/// The records of all targets, shared by all routes and kept across reloads.
public final class TargetRecords: Sendable {
    private let book: Mutex<TargetRecordBook>
    private let time: TimeSource
    /// Seconds since 1970 at the origin of the clock. Taken once, so that a step of the machine's wall clock makes no gap.
    private let epoch: Double

    /// Creates records of nobody.
    ///
    /// - Parameters:
    ///   - wallClockMilliseconds: The present time in milliseconds since 1970.
    ///   - capacity: The most targets that are kept.
    public init(time: TimeSource, wallClockMilliseconds: Int64, capacity: Int = 256) {
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

    /// How often a route is asked; nil if it never was.
    public func demand(of route: String) -> QuotaForecast? {
        book.withLock { $0.routes[route] }
    }

    /// Forgets targets and routes that no configuration names any more.
    public func keep(only identities: Set<TargetIdentity>, routes: Set<String>) {
        book.withLock { $0.keep(only: identities, routes: routes) }
    }

    /// Notes a request that has ended.
    ///
    /// - Parameter targets: Those of its route.
    func note(_ decision: Decision, on targets: [Target], at now: Instant) {
        let seconds = seconds(now)
        book.withLock { book in
            book.note(requestTo: decision.route, at: seconds)
            decision.eachOutcome(on: targets) { identity, key, outcome in
                book.note(outcome, of: identity, key: key, isLong: decision.isLong, at: seconds)
            }
        }
    }

    /// Notes what a user says of an answer.
    func note(score: Double, of identity: TargetIdentity, isLong: Bool) {
        let seconds = now
        book.withLock { $0.note(score: score, of: identity, isLong: isLong, at: seconds) }
    }

    /// Notes that a target's breaker has changed its state. That of a target of which nothing was heard is seen by the next
    /// look.
    func note(_ event: CircuitBreakerEvent, of identity: TargetIdentity) {
        guard !event.shadow else { return }
        let seconds = now
        book.withLock { $0.note(event.to, of: identity, at: seconds) }
    }

    /// Looks how each target is: once a minute, and before it is shown.
    public func look(at healths: [TargetHealth]) {
        for health in healths {
            let state = health.breaker.snapshot.state, now = time.now, seconds = seconds(now)
            let learned = health.estimate.withLock { $0 }.snapshot(at: now.seconds, moment: seconds)
            let quota = health.quota?.reading(at: now).count
            book.withLock {
                $0.note(state, learned, quota, of: health.identity, key: health.credential, at: seconds)
            }
        }
    }

    /// Goes on with what was learned of a target before this process, or before it was forgotten for want of room.
    func recall(_ estimate: inout TargetEstimate, of identity: TargetIdentity) {
        guard let learned = self[identity]?.learned else { return }
        let now = time.now
        estimate.restore(learned, at: now.seconds, moment: seconds(now))
    }

    /// Counts what is used of a target's daily quota, going on with what was before this process.
    func meter(_ terms: DailyQuota.Terms, of identity: TargetIdentity) -> QuotaMeter {
        QuotaMeter(terms, goingOnWith: self[identity]?.quota, epoch: epoch, at: time.now)
    }

    private func seconds(_ now: Instant) -> Double { epoch + now.seconds }

    // MARK: Files

    /// All that is known, to be written to a file.
    public var snapshot: TargetRecordsSnapshot {
        let seconds = now, book = book.withLock { $0 }
        return TargetRecordsSnapshot(book, at: seconds)
    }

    /// Takes over what was known at another time, aged by what has passed since then.
    public func restore(_ snapshot: TargetRecordsSnapshot) {
        let seconds = now
        book.withLock { snapshot.restore(&$0, at: seconds) }
    }
}
