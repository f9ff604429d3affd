import Synchronization

/// Rejects calls by itself, in the measure in which the other side fails them: who is overloaded is not helped by more.
///
/// The chance of a rejection is `max(0, n - ok / t) / (n + 1)` for the `n` calls of the last minute, `ok` of them
/// successful, with `t` the share of successes that is good enough ("Handling Overload", Site Reliability Engineering,
/// O'Reilly 2016, whose K is 1 / t; this form is failsafe-go's). A call counts when it is sent, so that calls which hang
/// count too; choose the window longer than the slowest call.
public final class AdaptiveThrottle: Sendable {
    /// When and how much to reject.
    public struct Policy: Sendable, Hashable {
        /// The share of successes that is good enough. Range: above 0 to 1. Default: 0.9.
        public var successThreshold = 0.9
        /// The highest chance of a rejection, so that recovery is noticed. Range: 0 to 1. Default: 0.9.
        public var maximumRejection = 0.9
        /// The calls below which nothing is rejected. Range: 1 or more. Default: 10.
        public var minimumCalls = 10
        /// How long a call counts. Range: 20 ms or more. Default: 60 s, in 20 slices.
        public var window = Duration.seconds(60)

        /// Creates the default policy.
        public init() {}
    }

    /// The name that rejections and events carry.
    public let name: String
    private let state: Mutex<StateMachine>
    private let time: TimeSource
    private let onEvent: (@Sendable (AdaptiveThrottleEvent) -> Void)?

    /// Creates a throttle that has seen nothing.
    ///
    /// - Parameter onEvent: Told about each rejected call.
    public init(
        _ name: String, policy: Policy = Policy(), time: TimeSource = TimeSource(),
        chance: Chance = .system(), onEvent: (@Sendable (AdaptiveThrottleEvent) -> Void)? = nil
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.time = time
        self.onEvent = onEvent
        state = Mutex(StateMachine(policy, chance: chance, at: time.now))
    }

    /// The chance with which the next call is rejected.
    public var rejection: Double {
        let now = time.now
        return state.withLock { $0.rejection(at: now) }
    }

    /// Counts a call that is sent, or rejects it; that of a cancelled caller too.
    ///
    /// - Throws: ``Rejection`` with reason `throttled`.
    public func enter() throws(Rejection) {
        let now = time.now
        let rejection = state.withLock { $0.admit(at: now) ? nil : $0.rejection(at: now) }
        guard let rejection else { return }
        onEvent?(AdaptiveThrottleEvent(strategy: name, rejection: rejection))
        throw Rejection(.throttled, strategy: name)
    }

    /// Counts a success.
    public func succeeded() {
        let now = time.now
        state.withLock { $0.succeeded(at: now) }
    }

    /// Takes a call out of the count that says nothing about the other side; for example it was cancelled.
    public func ignored() {
        let now = time.now
        state.withLock { $0.ignored(at: now) }
    }
}

extension Rejection.Reason {
    /// The other side fails so much that the call was not sent.
    public static var throttled: Rejection.Reason { Rejection.Reason(rawValue: "throttled") }
}

extension AdaptiveThrottle: ResilienceStrategy {
    /// Runs `next` unless it is rejected. Only success counts for the other side; cancellation and rejections by layers
    /// inside, but for a time that ran out, count as though the call had not been made.
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try Task.checkCancellation()
        try enter()
        do {
            let value = try await next(context)
            succeeded()
            return value
        } catch {
            if CircuitBreaker.meaning(of: error, CircuitBreaker.judgeOfLayer) == .ignored { ignored() }
            throw error
        }
    }
}

extension AdaptiveThrottle {
    /// The decisions of a throttle; no clock, lock, task or callback.
    struct StateMachine: Sendable {
        private static let slices = 20

        private let policy: Policy
        private var chance: Chance
        private var counts = [(calls: Int, successes: Int)](repeating: (0, 0), count: slices)
        private(set) var calls = 0, successes = 0
        private var slice = 0
        private var sliceBegin: Instant

        init(_ policy: Policy, chance: Chance, at now: Instant) {
            self.policy = policy
            self.chance = chance
            sliceBegin = now
        }

        mutating func admit(at now: Instant) -> Bool {
            let rejection = rejection(at: now)
            guard rejection <= 0 || chance.unit() >= rejection else { return false }
            // Only what is sent counts: when the other side recovers, the window soon holds nothing else.
            count(calls: 1, successes: 0)
            return true
        }

        mutating func succeeded(at now: Instant) {
            expire(at: now)
            count(calls: 0, successes: 1)
        }

        /// Takes the latest call out again, if it still counts.
        mutating func ignored(at now: Instant) {
            expire(at: now)
            for age in 0..<Self.slices {
                let past = (slice + Self.slices - age) % Self.slices
                guard counts[past].calls > 0 else { continue }
                counts[past].calls -= 1
                calls -= 1
                return
            }
        }

        mutating func rejection(at now: Instant) -> Double {
            expire(at: now)
            return Self.rejection(calls: calls, successes: successes, policy)
        }

        /// The chance of a rejection after so many calls and successes.
        static func rejection(calls: Int, successes: Int, _ policy: Policy) -> Double {
            guard calls >= max(1, policy.minimumCalls) else { return 0 }
            let wanted = Double(calls) - Double(successes) / max(policy.successThreshold, 0.01)
            return min(max(0, wanted) / Double(calls + 1), min(max(policy.maximumRejection, 0), 1))
        }

        private mutating func count(calls: Int, successes: Int) {
            counts[slice].calls += calls
            counts[slice].successes += successes
            self.calls += calls
            self.successes += successes
        }

        private mutating func expire(at now: Instant) {
            let length = max(policy.window, .milliseconds(Self.slices)) / Self.slices
            let passed = now.since(sliceBegin) / length
            guard passed >= 1 else { return }
            for _ in 0..<Int(min(passed, Double(Self.slices))) {
                slice = (slice + 1) % Self.slices
                calls -= counts[slice].calls
                successes -= counts[slice].successes
                counts[slice] = (0, 0)
            }
            sliceBegin = passed > Double(Self.slices) ? now : sliceBegin.advanced(by: length * Int(passed))
        }
    }
}
