import Synchronization

/// One hedged call as it goes on: what is to be done next, and the alarm for it. What the attempts bring is left to others.
@usableFromInline
struct HedgedCall {
    /// What to do next.
    @usableFromInline
    enum Step {
        /// Begin an attempt, counted from 0.
        case begin(Int)
        /// Say what the end of an attempt means.
        case judge(Int)
        /// Wait for the end of an attempt, and no longer than that.
        case wait(until: Instant?)
        /// Give the caller that attempt's outcome.
        case finish(Int)
    }

    /// Tells of attempts that have ended.
    @usableFromInline let ends = HedgeEnds()
    private let hedge: Hedge
    private var machine: Hedge.StateMachine
    private var alarm: (moment: Instant, ticket: TimerQueue.Ticket)?
    private var rungAt: Instant?
    private let deadline: Instant?

    @usableFromInline
    init(_ hedge: Hedge, maximumHedges: Int, deadline: Instant?) {
        self.hedge = hedge
        self.deadline = deadline
        machine = Hedge.StateMachine(maximumHedges: maximumHedges)
    }

    @usableFromInline
    mutating func next() -> Step {
        while true {
            // What has ended comes first: its answer may make another attempt needless.
            if let ended = ends.take() { return .judge(ended) }
            // A clock may wake its sleepers a little early; a moment that was waited for has come all the same.
            let now = rungAt.map { max($0, hedge.time.now) } ?? hedge.time.now
            switch machine.next(at: now) {
            case .begin(let attempt) where attempt > 0 && !mayBegin(attempt, at: now): machine.withdraw()
            case .begin(let attempt):
                machine.hasBegun(at: now, nextAfter: hedge.delay(before: attempt + 1))
                return .begin(attempt)
            case .wait(let until): return .wait(until: until)
            case .finish(let winner): return .finish(winner)
            }
        }
    }

    private func mayBegin(_ attempt: Int, at now: Instant) -> Bool {
        if let deadline, now >= deadline { return false }
        return hedge.mayBegin(attempt)
    }

    /// Notes what the end of an attempt means: the caller's answer, or that another may do better.
    @usableFromInline
    mutating func judge(_ attempt: Int, isFinal: Bool) {
        if isFinal { machine.accept(attempt) } else { machine.fail(at: hedge.time.now) }
    }

    @usableFromInline
    mutating func wait(until moment: Instant?) async {
        if alarm?.moment != moment {
            callOff()
            alarm = moment.map { ($0, hedge.timers.set(ends, at: $0)) }
        }
        rungAt = await ends.wait(until: moment)
    }

    /// Calls the alarm off, if one is set.
    @usableFromInline
    func callOff() {
        if let alarm { hedge.timers.cancel(alarm.ticket) }
    }
}

/// Which attempts of a hedged call have ended, and whether the time for the next has come: what the call waits for.
@usableFromInline
final class HedgeEnds: Alarm {
    private struct State {
        /// A bit for each attempt; there are ``HedgePolicy/mostHedges`` and the first.
        var ended: UInt16 = 0
        /// Those that were taken.
        var taken: UInt16 = 0
        /// The latest moment that has come of those for which an alarm was set.
        var rungAt: Instant?
        var waiter: UnsafeContinuation<Void, Never>?

        func isReady(at moment: Instant?) -> Bool {
            if ended != taken { return true }
            guard let moment, let rungAt else { return false }
            return rungAt >= moment
        }

        mutating func takeWaiter() -> UnsafeContinuation<Void, Never>? {
            defer { waiter = nil }
            return waiter
        }
    }

    private let state = Mutex(State())

    /// An attempt has ended.
    @usableFromInline
    func note(_ attempt: Int) {
        state.withLock { state in
            state.ended |= 1 << UInt16(attempt)
            return state.takeWaiter()
        }?.resume()
    }

    func ring(dueAt: Instant, spawner: Spawner) {
        state.withLock { state in
            state.rungAt = dueAt
            return state.takeWaiter()
        }?.resume()
    }

    /// The next attempt that has ended and was not taken yet.
    func take() -> Int? {
        state.withLock { state in
            guard state.ended != state.taken else { return nil }
            let attempt = (state.ended & ~state.taken).trailingZeroBitCount
            state.taken |= 1 << UInt16(attempt)
            return attempt
        }
    }

    /// Suspends until an attempt has ended or the alarm for `moment` has rung.
    ///
    /// - Returns: The last alarm that has rung.
    func wait(until moment: Instant?) async -> Instant? {
        await withUnsafeContinuation { waiter in
            let isReady = state.withLock { state in
                if state.isReady(at: moment) { return true }
                state.waiter = waiter
                return false
            }
            if isReady { waiter.resume() }
        }
        return state.withLock { $0.rungAt }
    }
}
