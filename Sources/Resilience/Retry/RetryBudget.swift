import Synchronization

/// What retries may cost in all: a share of the calls that were made lately, and a small reserve.
///
/// Without a budget a failing server gets every call several times, just when it can bear it least. Every call
/// deposits a part of a token, every retry takes a whole one before it starts to wait; tokens expire.
///
/// After Finagle's `RetryBudget` (twitter/finagle), which tower and others follow; amounts are integers, so that no
/// share of a token is lost to rounding.
public final class RetryBudget: Sendable {
    /// What a budget allows.
    public struct Policy: Sendable, Hashable {
        /// The retries allowed for each call. Range: 0 to 1000; precision 0.001. Default: 0.2.
        public var ratio: Double
        /// The retries a second that are allowed whatever the number of calls. Range: 0 to 1,000,000.
        /// Default: 10.
        public var minimumPerSecond: Int
        /// How long a deposit counts. Range: above 0. Default: 10 s.
        public var timeToLive: Duration

        /// Creates a policy.
        public init(ratio: Double = 0.2, minimumPerSecond: Int = 10, timeToLive: Duration = .seconds(10)) {
            self.ratio = ratio
            self.minimumPerSecond = minimumPerSecond
            self.timeToLive = timeToLive
        }
    }

    private let machine: Mutex<StateMachine>
    private let time: TimeSource

    /// Creates a full budget.
    public init(_ policy: Policy = Policy(), time: TimeSource = TimeSource()) {
        policy.assertNoProblems(in: "a retry budget")
        machine = Mutex(StateMachine(policy))
        self.time = time
    }

    /// Notes a call that is not a retry.
    public func deposit() {
        let now = time.now
        machine.withLock { $0.deposit(at: now) }
    }

    /// Takes what one retry costs.
    ///
    /// - Returns: False if the budget is spent; then nothing was taken.
    public func withdraw() -> Bool {
        let now = time.now
        return machine.withLock { $0.withdraw(at: now) }
    }

    /// The retries that could be made now.
    public var balance: Int {
        let now = time.now
        return machine.withLock { $0.balance(at: now) }
    }
}

extension RetryBudget {
    /// The decisions of a retry budget; no clock, lock, task or callback.
    struct StateMachine: Sendable {
        /// One token, in the thousandths that amounts are counted in.
        private static let token = 1000
        private static let sliceCount = 10

        private struct Slice {
            var start: Instant
            var amount: Int
        }

        private let deposited: Int
        private let reserve: Int
        private let timeToLive: Duration
        private var slices: [Slice] = []
        private var total = 0

        init(_ policy: Policy) {
            deposited = Int((min(max(0, policy.ratio), 1000) * Double(Self.token)).rounded())
            timeToLive = policy.timeToLive
            let seconds = min(max(0, policy.timeToLive / .seconds(1)), 86_400)
            let perSecond = min(max(0, policy.minimumPerSecond), 1_000_000)
            reserve = Int(Double(perSecond) * seconds * Double(Self.token))
            slices.reserveCapacity(Self.sliceCount + 1)
        }

        mutating func deposit(at now: Instant) {
            add(deposited, at: now)
        }

        mutating func withdraw(at now: Instant) -> Bool {
            expire(at: now)
            guard total + reserve >= Self.token else { return false }
            add(-Self.token, at: now)
            return true
        }

        mutating func balance(at now: Instant) -> Int {
            expire(at: now)
            return max(0, total + reserve) / Self.token
        }

        private mutating func add(_ amount: Int, at now: Instant) {
            expire(at: now)
            if let newest = slices.last, now.since(newest.start) < timeToLive / Self.sliceCount {
                slices[slices.count - 1].amount &+= amount
            } else {
                slices.append(Slice(start: now, amount: amount))
            }
            total &+= amount
        }

        private mutating func expire(at now: Instant) {
            while let oldest = slices.first, now.since(oldest.start) >= timeToLive {
                total &-= oldest.amount
                slices.removeFirst()
            }
        }
    }
}
