/// How a batcher gathers items into batches, how many batches run, and what it does when one fails.
///
/// A batch is sent when it has as many items as its ``sizing`` aims at, when its items weigh ``maximumWeight``, when its
/// oldest item has waited for as long as the sizing lets it, or when an item's deadline leaves no more time than the
/// batch is predicted to take; and then only while fewer than ``maximumRunning`` batches run. Values outside their range
/// count as the nearest one inside.
public struct BatcherPolicy: Sendable, Hashable {
    /// How the size of a batch, and the time its first item waits for company, are chosen.
    ///
    /// None of them goes above ``BatcherPolicy/maximumSize`` or ``BatcherPolicy/maximumLinger``.
    @nonexhaustive
    public enum Sizing: Sendable, Hashable {
        /// Batches of one size, or what there is after the longest linger. Range: 1 or more.
        case fixed(Int)
        /// What has come within the longest linger, whatever the number.
        case timeBased
        /// As many as are expected within the longest linger at the present rate of arrival; an item that comes alone
        /// does not wait for others that will not come.
        case loadBased
        /// The largest size of which 95 % of the batches are predicted to be within ``BatcherPolicy/target``, learned from
        /// how long batches take. It begins at `initial`. Range: 1 or more.
        case adaptive(initial: Int = 10)
        /// At most as many as `adaptive` allows, and no longer waited for than `loadBased` does. Range: 1 or more.
        case hybrid(initial: Int = 10)
    }

    /// How size and linger are chosen. Default: hybrid, from 10.
    public var sizing: Sizing
    /// The items that a batch may have. Range: 1 to 1,048,576. Default: 100.
    public var maximumSize: Int
    /// How long an item waits for others. Range: 0 or more. Default: 20 ms.
    public var maximumLinger: Duration
    /// How long a batch may take: what adaptive sizing aims at, and what ``BatcherSnapshot/violations`` are counted
    /// against. Range: 1 µs or more. Default: 1 s.
    public var target: Duration
    /// Sizes that the receiver handles best; the largest that is there is sent at once, and no other while one of them
    /// is there. Range: each 1 to ``maximumSize``. Default: none. (Triton's dynamic batcher.)
    public var preferredSizes: [Int] = []
    /// The weight that a batch may have, such as tokens. A heavier item is rejected. Range: 1 to 2^40; nil for no bound.
    /// Default: nil.
    public var maximumWeight: Int?
    /// The batches that may run at a time. Range: 1 or more. Default: 4.
    public var maximumRunning: Int
    /// The items that may wait. Range: 1 to 1,048,576. Default: 1000.
    public var queue: Int
    /// How often the parts of a failed batch may be halved again; 10 finds one bad item among 1024. Range: 0 (never
    /// split) to 20. Default: 10.
    public var splitDepth: Int = 10
    /// The splits that one batch may cost in all: what bounds the extra calls when every item is bad, since each split
    /// is two more calls. Range: 0 or more. Default: 32.
    public var maximumSplits: Int = 32

    /// Creates a policy.
    public init(
        _ sizing: Sizing = .hybrid(), maximumSize: Int = 100, maximumLinger: Duration = .milliseconds(20),
        target: Duration = .seconds(1), maximumWeight: Int? = nil, maximumRunning: Int = 4, queue: Int = 1000
    ) {
        self.sizing = sizing
        self.maximumSize = maximumSize
        self.maximumLinger = maximumLinger
        self.target = target
        self.maximumWeight = maximumWeight
        self.maximumRunning = maximumRunning
        self.queue = queue
    }

    /// The policy with every value in its range, so that sums of what it bounds cannot overflow.
    var inRange: BatcherPolicy {
        var policy = self
        policy.maximumSize = min(max(1, maximumSize), 1 << 20)
        policy.maximumLinger = min(max(.zero, maximumLinger), .unbounded)
        policy.target = min(max(.microseconds(1), target), .unbounded)
        policy.preferredSizes = preferredSizes.filter { (1...policy.maximumSize).contains($0) }.sorted()
        policy.maximumWeight = maximumWeight.map { min(max(1, $0), 1 << 40) }
        policy.maximumRunning = max(1, maximumRunning)
        policy.queue = min(max(1, queue), 1 << 20)
        policy.splitDepth = min(max(0, splitDepth), 20)
        policy.maximumSplits = max(0, maximumSplits)
        return policy
    }
}
