extension RetryBandit {
    /// What a bandit remembers across a restart.
    public struct Memory: Sendable, Hashable {
        struct Entry: Sendable, Hashable {
            struct Arm: Sendable, Hashable, Codable {
                var name: String
                var successes: Double
                var failures: Double
                var samples: Int
                /// In seconds.
                var delay: Double
            }

            var key: Key
            var evidence: Double
            /// The time since its last retry.
            var idle: Duration
            var arms: [Arm]
        }

        var entries: [Entry]
    }

    /// What there is to remember at `now`.
    public func memory(at now: Instant) -> Memory {
        Memory(
            entries: entries.map { key, entry in
                Memory.Entry(
                    key: key, evidence: entry.evidence, idle: max(.zero, now.since(entry.updated)),
                    arms: zip(arms, entry.arms).map { name, arm in
                        Memory.Entry.Arm(
                            name: name, successes: arm.successes, failures: arm.failures,
                            samples: arm.samples, delay: arm.delay)
                    })
            })
    }

    /// Takes up where `memory` left off; what was learned since is forgotten. Arms are found by their names. Arms that
    /// are new begin with nothing, and what is impossible is left out.
    ///
    /// - Parameter away: The time between the memory and now, in which it faded. Default: none.
    public mutating func restore(_ memory: Memory, away: Duration = .zero, at now: Instant) {
        let recent = memory.entries.sorted { $0.idle < $1.idle }.prefix(policy.maximumKeys)
        entries = [:]
        for remembered in recent {
            let idle = min(max(.zero, remembered.idle), .unbounded) + min(max(.zero, away), .unbounded)
            let known = arms.map { name in remembered.arms.first { $0.name == name }.map(Arm.init) ?? Arm() }
            entries[remembered.key] = Entry(
                arms: known, evidence: Arm.possible(remembered.evidence),
                updated: now.advanced(by: .zero - idle))
        }
    }
}

extension RetryBandit.Memory: Codable where Key: Codable {}
extension RetryBandit.Memory.Entry: Codable where Key: Codable {}

extension RetryBandit.Arm {
    fileprivate init(_ remembered: RetryBandit.Memory.Entry.Arm) {
        self.init(
            successes: Self.possible(remembered.successes), failures: Self.possible(remembered.failures),
            samples: max(0, remembered.samples), delay: min(Self.possible(remembered.delay), 86_400))
    }

    /// A count that can have been counted.
    fileprivate static func possible(_ count: Double) -> Double { count >= 0 ? min(count, 1e12) : 0 }
}
