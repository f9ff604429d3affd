/// How many calls may run at a time, and how many may wait.
public struct BulkheadPolicy: Sendable, Hashable {
    /// The calls that may run at a time. Range: 1 or more; nobody gets a place at 0. Default: 100.
    public var limit: Int
    /// The calls that may wait for a place. Range: 0 or more. Default: 0.
    public var queue: Int
    /// How long a call may wait; nil for as long as its task lives. Range: 0 or more. Default: nil.
    public var maximumWait: Duration?
    /// Shares of the limit that calls of the same name may use whoever else runs, so that up to the limit and these
    /// shares together run; the limit itself may be used by everyone. Range: each above 0 to 1. Default: none. (Netflix concurrency-limits, partitioned limiter.)
    public var partitions: [String: Double]

    /// Creates a policy.
    public init(
        limit: Int = 100, queue: Int = 0, maximumWait: Duration? = nil, partitions: [String: Double] = [:]
    ) {
        self.limit = limit
        self.queue = queue
        self.maximumWait = maximumWait
        self.partitions = partitions
    }

    /// The places kept for a partition: its share of the limit, rounded up, at least one.
    public func places(of partition: String) -> Int? {
        partitions[partition].map { share in
            let limit = Double(min(max(0, limit), 1_000_000_000))
            return max(1, Int((limit * min(max(0, share), 1) - 1e-9).rounded(.up)))
        }
    }
}
