public import Resilience
public import Routing
import Synchronization

/// Counts what is used of the daily quota of a target with one key. Shared by all routes that use the target.
public final class QuotaMeter: Sendable {
    /// How much of a quota is used.
    public struct Reading: Sendable, Hashable {
        /// What is allowed, and when it is renewed.
        public let terms: DailyQuota.Terms
        /// What was used of the day that runs.
        public let count: DailyQuota.Count
        /// When it will be renewed, in seconds since 1970.
        public let renewal: Double

        /// What is left. Range: 0 or more.
        public var left: Int { max(0, terms.requests - count.used) }
    }

    private let quota: Mutex<DailyQuota>
    /// Seconds since 1970 at the origin of the clock.
    private let epoch: Double

    init(_ terms: DailyQuota.Terms, goingOnWith known: DailyQuota.Count?, epoch: Double, at now: Instant) {
        quota = Mutex(DailyQuota(terms, goingOnWith: known, at: epoch + now.seconds))
        self.epoch = epoch
    }

    /// Goes on with other terms.
    func reconfigure(_ terms: DailyQuota.Terms, at now: Instant) {
        let seconds = epoch + now.seconds
        quota.withLock { quota in
            guard quota.terms != terms else { return }
            quota = DailyQuota(terms, goingOnWith: quota.count(at: seconds), at: seconds)
        }
    }

    /// A request is made.
    func take(at now: Instant) {
        let seconds = epoch + now.seconds
        quota.withLock { $0.take(at: seconds) }
    }

    /// A request did not count after all.
    func giveBack(madeAt began: Instant, at now: Instant) {
        let (made, seconds) = (epoch + began.seconds, epoch + now.seconds)
        quota.withLock { $0.giveBack(madeAt: made, at: seconds) }
    }

    /// Seconds until a request is allowed, at a moment in seconds on the process's clock; 0 if one is then.
    func wait(at seconds: Double) -> Double {
        quota.withLock { $0.wait(at: epoch + seconds) }
    }

    /// How much is used.
    public func reading(at now: Instant) -> Reading {
        let seconds = epoch + now.seconds
        return quota.withLock { quota in
            Reading(
                terms: quota.terms, count: quota.count(at: seconds), renewal: quota.renewal(after: seconds))
        }
    }
}
