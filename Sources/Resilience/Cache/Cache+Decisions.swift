// What a cache's state machine is told and what it answers.

extension Cache {
    /// What a load ended with.
    enum Outcome: Sendable {
        /// A value, what it weighs, and how old it is (zero unless it comes from a second tier).
        case value(Value, weight: Int, age: Duration = .zero)
        /// An error, and whether it is remembered.
        case failure(any Error, remember: Bool = false)
        /// The load was cancelled, which says nothing about the key.
        case cancelled
    }

    /// A load to be started.
    struct Start: Sendable {
        /// The number of the load.
        let flight: UInt64
        /// The waiter whose load is run; nil for a refresh in the background, which runs that of the call that began it.
        let owner: UInt64?
        /// When it is given up; nil for never.
        let until: Instant?
        /// The load that it takes the place of, which is to be cancelled.
        var replaces: UInt64?
    }

    /// The answer to a call.
    enum Lookup: Sendable {
        case serve(Answer)
        /// A remembered error.
        case fail(any Error)
        /// An old value, and a load to start in the background.
        case refresh(Answer, Start)
        /// A load to start, and the number under which the call waits for it.
        case begin(Start, waiter: UInt64)
        /// The call waits under this number for a load that runs.
        case join(waiter: UInt64)
        /// Too many loads are in flight: the call loads for itself.
        case alone
    }

    /// What follows from the end of a load.
    struct Ending: Sendable {
        /// The waiters that get ``delivery``.
        var waiters: [UInt64] = []
        var delivery: Result<Answer, any Error> = .failure(CancellationError())
        /// The load that the other waiters wait for now.
        var restart: Start?
        /// Whether the value is what the cache holds now.
        var isKept = false
    }
}
