extension RateLimiter {
    /// A waiter that passes earlier than it was told.
    struct Move: Sendable, Hashable {
        var id: UInt64
        /// In nanoseconds of the clock.
        var due: Int64
    }

    /// The answer to a call that is ready to wait.
    enum Entry: Sendable, Hashable {
        case passed
        /// It waits under a number until a moment, in nanoseconds of the clock.
        case queued(UInt64, due: Int64)
        /// With the nanoseconds after which it could pass, if it ever could.
        case refused(wait: Int64?)
    }

    /// The decisions of a rate limiter; no clock, lock, task or callback.
    ///
    /// Times are whole nanoseconds of the clock, since a limiter is asked for every call. A clock that goes back stands
    /// still as seen from here.
    struct StateMachine: Sendable {
        private struct Waiter {
            var id: UInt64
            var permits: Int
            var due: Int64
            /// The number of permits that were promised up to and with this waiter; nil if its permits are no longer
            /// to be taken back.
            var position: UInt64?
        }

        private(set) var plan: Plan
        private var mostWaiters: Int
        // Fields and not the cases of an enumeration, which would be copied at each change.
        private var bucket: TokenBucket
        private var cycles: PermitCycles
        private var log: PermitLog
        private var latest: Int64
        /// All permits that ever passed or were promised.
        private var promised: UInt64 = 0
        private var waiters: [Waiter] = []
        private var nextID: UInt64 = 0

        init(_ policy: RateLimitPolicy, at now: Int64 = 0) {
            let plan = Plan(policy)
            self.init(
                plan, holding: max(0, policy.initial ?? plan.capacity), mostWaiters: policy.maximumWaiters,
                at: now)
        }

        /// - Parameter permits: Below zero for permits that are promised.
        private init(_ plan: Plan, holding permits: Int, mostWaiters: Int, at now: Int64) {
            self.plan = plan
            self.mostWaiters = max(0, mostWaiters)
            latest = max(0, now)
            bucket = TokenBucket(holding: permits, plan, at: latest)
            cycles = PermitCycles(holding: permits, plan, at: latest)
            let taken = plan.permits - min(max(-Plan.mostPermits, permits), plan.permits)
            log = PermitLog(taken: plan.algorithm == .slidingWindow ? taken : 0, plan, at: latest)
        }

        /// The calls that wait.
        var waiting: Int { waiters.count }

        /// Takes permits if they are there.
        mutating func acquire(_ permits: Int, at now: Int64) -> Bool {
            // Zero permits, or fewer, are always there.
            guard permits > 0 else { return true }
            bringUp(to: now)
            if plan.algorithm == .tokenBucket {
                guard bucket.takeNow(permits, plan) else { return false }
            } else {
                guard permits <= Plan.mostPermits, due(permits) == latest else { return false }
                take(permits, due: latest)
            }
            promised &+= UInt64(permits)
            return true
        }

        /// The nanoseconds until as many permits are there, those promised aside; nil for never.
        mutating func wait(for permits: Int, at now: Int64) -> Int64? {
            bringUp(to: now)
            guard permits > 0 else { return 0 }
            guard permits <= Plan.mostPermits else { return nil }
            return due(permits).map { max(0, $0 &- latest) }
        }

        /// Takes permits that come within `limit` nanoseconds.
        ///
        /// - Returns: The nanoseconds to wait for them; nil if it would be longer, and then nothing was taken.
        mutating func reserve(_ permits: Int, upTo limit: Int64, at now: Int64) -> Int64? {
            guard let wait = wait(for: permits, at: now), wait <= max(0, limit) else { return nil }
            if permits > 0 { promise(permits, due: latest.saturatingSum(wait)) }
            return wait
        }

        /// Takes permits now, or promises them to a waiter.
        mutating func enter(_ permits: Int, upTo limit: Int64, at now: Int64) -> Entry {
            let wait = wait(for: permits, at: now)
            guard let wait, wait <= max(0, limit), wait == 0 || waiters.count < mostWaiters else {
                return .refused(wait: wait)
            }
            let due = latest.saturatingSum(wait)
            if permits > 0 { promise(permits, due: due) }
            guard wait > 0 else { return .passed }
            nextID &+= 1
            waiters.append(Waiter(id: nextID, permits: permits, due: due, position: promised))
            return .queued(nextID, due: due)
        }

        /// Lets a waiter pass that has waited until `due`.
        ///
        /// - Returns: False if it does not wait.
        mutating func pass(_ id: UInt64, due: Int64) -> Bool {
            guard let index = waiters.firstIndex(where: { $0.id == id }), waiters[index].due <= due else {
                return false
            }
            waiters.remove(at: index)
            return true
        }

        /// Takes a waiter out of the queue and gives its permits back, as though it had never come: the waiters behind
        /// it move up. Permits behind which others were promised to callers that do not wait here are lost, since
        /// those callers cannot be told; so are permits whose time has come.
        ///
        /// - Returns: The waiters that pass earlier now; nil if it does not wait.
        mutating func cancel(_ id: UInt64, at now: Int64) -> [Move]? {
            guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
            bringUp(to: now)
            let before = self
            if index >= firstUndoable {
                undo(from: index)
                waiters.remove(at: index)
                if let moves = promiseAgain(from: index) { return moves }
                // Those behind would wait longer; so they keep what they were told, and its permits are lost.
                self = before
            }
            waiters.remove(at: index)
            return []
        }

        /// Goes on under another policy. Permits that are there stay, as far as the new limit allows. If the new policy
        /// is faster for all waiters, they get an earlier moment; if not, what they were told holds, and those who come
        /// later do not wait longer for it than they would have before. A change of algorithm keeps the permits
        /// that are there and no more.
        ///
        /// - Returns: The waiters that pass earlier now.
        mutating func reconfigure(_ policy: RateLimitPolicy, at now: Int64) -> [Move] {
            bringUp(to: now)
            let before = self, first = firstUndoable
            undo(from: first)
            follow(policy)
            if let moves = promiseAgain(from: first) { return moves }
            self = before
            follow(policy)
            // Their permits are counted in the terms of the old policy.
            for index in waiters.indices { waiters[index].position = nil }
            return []
        }

        private mutating func follow(_ policy: RateLimitPolicy) {
            let old = plan, new = Plan(policy), kept = available
            mostWaiters = max(0, policy.maximumWaiters)
            plan = new
            if new.algorithm == old.algorithm {
                bucket.convert(from: old, to: new)
                cycles.convert(from: old, to: new, at: latest)
            } else {
                let fresh = StateMachine(new, holding: kept, mostWaiters: 0, at: latest)
                (bucket, cycles, log) = (fresh.bucket, fresh.cycles, fresh.log)
            }
        }

        /// The permits that are there; below zero when permits are promised.
        var available: Int {
            switch plan.algorithm {
            case .tokenBucket: bucket.available(plan)
            case .slidingWindow: log.available(plan)
            case .cycles: cycles.available
            }
        }

        /// The tokens of a token bucket and the part of the next one.
        var tokens: Double { bucket.tokens(plan) }
        /// The number of the current period, when permits come in cycles.
        var cycle: Int64 { cycles.cycle }

        /// Counts the permits that came back since.
        mutating func bringUp(to now: Int64) {
            latest = max(latest, now)
            switch plan.algorithm {
            case .tokenBucket: bucket.refill(plan, to: latest)
            case .slidingWindow: log.expire(plan, at: latest)
            case .cycles: cycles.refresh(plan, to: latest)
            }
        }

        private mutating func due(_ permits: Int) -> Int64? {
            switch plan.algorithm {
            case .tokenBucket: bucket.due(permits, plan, at: latest)
            case .slidingWindow: log.due(permits, plan, at: latest)
            case .cycles: cycles.due(permits, plan, at: latest)
            }
        }

        private mutating func take(_ permits: Int, due: Int64) {
            switch plan.algorithm {
            case .tokenBucket: bucket.take(permits, plan)
            case .slidingWindow: log.take(permits, plan, due: due)
            case .cycles: cycles.take(permits)
            }
        }

        private mutating func promise(_ permits: Int, due: Int64) {
            take(permits, due: due)
            promised &+= UInt64(permits)
        }

        // MARK: Moving up

        /// The first waiter from which on all promises were made to waiters whose time has not come: they can be taken
        /// back without a trace, the last one first.
        private var firstUndoable: Int {
            var index = waiters.count, expected = promised
            while index > 0, waiters[index - 1].position == expected, waiters[index - 1].due > latest {
                index -= 1
                expected &-= UInt64(waiters[index].permits)
            }
            return index
        }

        private mutating func undo(from first: Int) {
            for waiter in waiters[first...].reversed() {
                switch plan.algorithm {
                case .tokenBucket: bucket.giveBack(waiter.permits, plan)
                case .slidingWindow: log.giveBack(waiter.permits)
                case .cycles: cycles.giveBack(waiter.permits)
                }
                promised &-= UInt64(waiter.permits)
            }
        }

        /// Promises the waiters their permits anew.
        ///
        /// - Returns: Those that pass earlier than before; nil if one would pass later.
        private mutating func promiseAgain(from first: Int) -> [Move]? {
            var moves: [Move] = []
            for index in first..<waiters.count {
                let waiter = waiters[index]
                guard let due = due(waiter.permits), due <= waiter.due else { return nil }
                promise(waiter.permits, due: due)
                waiters[index].position = promised
                guard due < waiter.due else { continue }
                waiters[index].due = due
                moves.append(Move(id: waiter.id, due: due))
            }
            return moves
        }
    }
}
