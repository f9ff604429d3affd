extension Hedge {
    /// The decisions of one hedged call; no clock, lock, task or callback.
    ///
    /// The next attempt begins when its delay after the last one has passed, or at once when an attempt fails in a way
    /// that another may not. The first accepted outcome wins. When all have failed, the first one's error is the answer:
    /// the hedges only show that waiting did not help either.
    struct StateMachine: Sendable {
        /// What to do next.
        enum Step: Sendable, Hashable {
            /// Begin an attempt, counted from 0.
            case begin(Int)
            /// Wait for an outcome, and no longer than that.
            case wait(until: Instant?)
            /// Give the caller that attempt's outcome.
            case finish(Int)
        }

        private let maximumAttempts: Int
        private var begun = 0
        private var failed = 0
        private var mayBegin: Bool
        private var nextAt: Instant?
        private var finished: Int?

        /// - Parameter maximumHedges: The attempts besides the first; at most 10.
        init(maximumHedges: Int) {
            maximumAttempts = 1 + min(max(0, maximumHedges), HedgePolicy.mostHedges)
            mayBegin = true
        }

        private var wantsHedge: Bool { finished == nil && begun > 0 && begun < maximumAttempts && mayBegin }

        /// What to do at `now`.
        mutating func next(at now: Instant) -> Step {
            if let finished { return .finish(finished) }
            if begun == 0 || wantsHedge && isDue(at: now) {
                begun += 1
                nextAt = nil
                return .begin(begun - 1)
            }
            // All have failed and none is to follow.
            if failed == begun { return .finish(0) }
            return .wait(until: wantsHedge ? nextAt : nil)
        }

        private func isDue(at now: Instant) -> Bool {
            failed == begun || nextAt.map { now >= $0 } ?? false
        }

        /// An attempt has begun; the next one follows after `delay`, or only when all have failed if that is nil.
        mutating func hasBegun(at now: Instant, nextAfter delay: Duration?) {
            nextAt = delay.map { now.advanced(by: max(.zero, $0)) }
        }

        /// The attempt that was to begin may not, and none after it.
        mutating func withdraw() {
            begun -= 1
            mayBegin = false
        }

        /// An attempt's outcome is what the caller gets.
        mutating func accept(_ attempt: Int) {
            if finished == nil { finished = attempt }
        }

        /// An attempt failed in a way that another may not: the next one begins at once.
        mutating func fail(at now: Instant) {
            failed += 1
            if wantsHedge { nextAt = now }
        }
    }
}
