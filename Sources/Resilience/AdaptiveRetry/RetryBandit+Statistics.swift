extension RetryBandit {
    /// What a bandit has learned about one key.
    public struct Statistics: Sendable, Hashable {
        /// What is known about an arm.
        public struct Arm: Sendable, Hashable {
            /// The arm's name.
            public var name: String
            /// The retries that were noted, since the beginning.
            public var samples: Int
            /// The retries that succeeded, of the recent past: the older the less.
            public var successes: Double
            /// The retries that failed, likewise.
            public var failures: Double
            /// How much later than without a failure callers got their answers, when the arm succeeded; a mean of the
            /// recent past, of half a second before the first.
            public var meanDelay: Duration
            /// The share of the recent retries that the arm was chosen for. Range: 0 to 1.
            public var share: Double
        }

        /// The key.
        public var key: Key
        /// The samples that time has left; the arms are chosen by what they promise when there are enough.
        public var evidence: Double
        /// The arms, in their order.
        public var arms: [Arm]
    }

    /// What was learned about each key, the one that was retried last first. O(keys).
    public func statistics(at now: Instant) -> [Statistics] {
        entries.sorted { $0.value.updated > $1.value.updated }.map { key, entry in
            let kept = kept(of: entry, at: now)
            let total = entry.arms.reduce(0) { $0 + $1.successes + $1.failures }
            let shown = zip(arms, entry.arms).map { name, arm in
                Statistics.Arm(
                    name: name, samples: arm.samples, successes: arm.successes * kept,
                    failures: arm.failures * kept, meanDelay: .seconds(arm.delay),
                    share: total > 0 ? (arm.successes + arm.failures) / total : 0)
            }
            return Statistics(key: key, evidence: entry.evidence * kept, arms: shown)
        }
    }
}
