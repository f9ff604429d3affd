/// Learns which way of retrying helps against which failures.
///
/// Each key, such as a target and a class of failures, has arms, which are ways of retrying, and for each arm the
/// successes and failures of the retries that it led to. Before a retry one arm is chosen; after it, its result is
/// noted.
///
/// It is a discounted Thompson sampler of Beta-Bernoulli arms: for each arm a chance of success is drawn from what was
/// seen, the cost of its mean delay is taken off, and the best is chosen. What was seen counts less with each retry
/// after it, since failures change their nature. (W. R. Thompson: "On the likelihood that one unknown probability
/// exceeds another", Biometrika 25, 1933; V. Raj, S. Kalyani: "Taming non-stationary bandits", arXiv 1707.09727.)
/// The first choices for a key are not left to chance, and a small share of the later ones is made without regard to
/// what was learned, so that an arm which has become good is found.
///
/// A decision: no clock, lock, task or callback. ``AdaptiveRetry`` is the strategy around it; use the bandit itself
/// where the arms are something else than waits, such as another provider.
public struct RetryBandit<Key: Hashable & Sendable>: Sendable {
    /// An arm that was chosen.
    public struct Choice: Sendable, Hashable {
        /// Why an arm was chosen.
        @nonexhaustive
        public enum Ground: String, Sendable, Hashable {
            /// Too little is known; the arm is the policy's fallback.
            case fallback
            /// It was its turn by chance, without regard to what was learned.
            case exploration
            /// It promised most.
            case promise
        }

        /// What the choice is for.
        public var key: Key
        /// The arm's number, from 0.
        public var arm: Int
        /// Why it was chosen.
        public var ground: Ground

        /// Describes a choice.
        public init(key: Key, arm: Int, ground: Ground) {
            self.key = key
            self.arm = arm
            self.ground = ground
        }
    }

    /// What is known about an arm.
    struct Arm: Sendable, Hashable {
        /// Of the recent past.
        var successes = 0.0, failures = 0.0
        /// Since the beginning.
        var samples = 0
        /// In seconds; what nobody knows yet is taken to be half a second.
        var delay = 0.5

        mutating func forget(_ kept: Double) {
            successes *= kept
            failures *= kept
        }
    }

    /// What is known about a key.
    struct Entry: Sendable, Hashable {
        var arms: [Arm]
        /// The samples that time has left; the discount does not touch them.
        var evidence = 0.0
        var updated: Instant
    }

    let policy: RetryBanditPolicy
    /// The names of the arms.
    public let arms: [String]
    var entries: [Key: Entry] = [:]

    /// Creates a bandit that has seen nothing.
    ///
    /// - Parameter arms: The names of the arms, each of its own. Range: 1 to 64; those beyond are left out.
    public init(arms: [String], policy: RetryBanditPolicy = RetryBanditPolicy()) {
        self.arms = arms.isEmpty ? ["only"] : Array(arms.prefix(RetryBanditPolicy.mostArms))
        self.policy = policy.withinRange(arms: self.arms.count)
    }

    /// Chooses an arm. Costs two draws of a gamma distribution for each arm.
    ///
    /// Nothing is noted: a choice that leads to no retry, or to one that was cancelled, is forgotten by doing nothing.
    public func choose(for key: Key, at now: Instant, using chance: inout Chance) -> Choice {
        guard let entry = entries[key] else {
            return Choice(key: key, arm: policy.fallback, ground: .fallback)
        }
        let kept = kept(of: entry, at: now)
        guard entry.evidence * kept >= Double(policy.minimumSamples) else {
            return Choice(key: key, arm: policy.fallback, ground: .fallback)
        }
        if chance.unit() < policy.exploration {
            return Choice(key: key, arm: Int(chance.unit() * Double(arms.count)), ground: .exploration)
        }
        var best = 0, most = -Double.infinity
        for (index, arm) in entry.arms.enumerated() {
            let success = chance.beta(successes: 1 + arm.successes * kept, failures: 1 + arm.failures * kept)
            let score = success - policy.delayCost * arm.delay
            if score > most { (best, most) = (index, score) }
        }
        return Choice(key: key, arm: best, ground: .promise)
    }

    /// Notes what a retry has led to.
    ///
    /// - Parameter delay: How much later than without a failure the caller got its answer; looked at after a success.
    public mutating func settle(
        _ choice: Choice, succeeded: Bool, addedDelay delay: Duration, at now: Instant
    ) {
        guard arms.indices.contains(choice.arm) else { return }
        if entries[choice.key] == nil { makeRoom() }
        var entry =
            entries[choice.key] ?? Entry(arms: Array(repeating: Arm(), count: arms.count), updated: now)
        let kept = kept(of: entry, at: now)
        entry.evidence = entry.evidence * kept + 1
        entry.updated = max(entry.updated, now)
        for index in entry.arms.indices { entry.arms[index].forget(kept * policy.discount) }
        entry.arms[choice.arm].note(succeeded, delay)
        entries[choice.key] = entry
    }

    /// What time has left of what was seen.
    func kept(of entry: Entry, at now: Instant) -> Double {
        Double.powerOfTwo(-max(0, now.since(entry.updated) / policy.halfLife))
    }

    /// Forgets the key that was not retried for longest when there are as many as may be. O(keys), for a new key only.
    private mutating func makeRoom() {
        guard entries.count >= policy.maximumKeys,
            let oldest = entries.min(by: { $0.value.updated < $1.value.updated })
        else { return }
        entries[oldest.key] = nil
    }
}

extension RetryBandit.Arm {
    /// Notes the result of a retry.
    fileprivate mutating func note(_ succeeded: Bool, _ added: Duration) {
        samples = samples == .max ? .max : samples + 1
        guard succeeded else { return failures += 1 }
        successes += 1
        delay += 0.1 * (min(max(0, added / .seconds(1)), 86_400) - delay)
    }
}
