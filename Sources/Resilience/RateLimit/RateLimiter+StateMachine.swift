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
    ///
    /// Who leaves the queue lets those behind it pass earlier. Only the first of them is told, and the next one when it
    /// is first: to tell all of them each time would cost a crowd that leaves the square of its number.
    struct StateMachine: Sendable {
        private(set) var plan: Plan
        private var mostWaiters: Int
        // Fields and not the cases of an enumeration, which would be copied at each change.
        private var bucket: TokenBucket
        private var cycles: PermitCycles
        /// Without the permits of open waiters, which may have to leave it in any order.
        private var log: PermitLog
        /// The log and the permits of open waiters, if there are any.
        private var tail: PermitLog
        private var latest: Int64
        private var queue = Queue()
        /// The permits of open waiters.
        private var open = 0
        /// Whether open waiters behind the first may pass earlier than they are expected to. Then the tail is wrong too.
        private var isStale = false
        private var moves: [Move] = []
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
            tail = log
        }

        /// The calls that wait.
        var waiting: Int { queue.count }

        /// Takes permits if they are there.
        mutating func acquire(_ permits: Int, at now: Int64) -> Bool {
            // Zero permits, or fewer, are always there.
            guard permits > 0 else { return true }
            bringUp(to: now)
            if plan.algorithm == .tokenBucket { return bucket.takeNow(permits, plan) }
            guard permits <= Plan.mostPermits, open == 0, due(permits) == latest else { return false }
            take(permits, due: latest)
            return true
        }

        /// The nanoseconds until as many permits are there, those promised aside; nil for never.
        mutating func wait(for permits: Int, at now: Int64) -> Int64? {
            bringUp(to: now)
            guard permits > 0 else { return 0 }
            guard permits <= Plan.mostPermits else { return nil }
            return due(permits).map { max(0, $0 &- latest) }
        }

        /// Takes permits that come within `limit` nanoseconds. The waiters before them cannot move up any more: the
        /// caller sleeps where nobody can tell it.
        ///
        /// - Returns: The nanoseconds to wait for them; nil if it would be longer, and then nothing was taken.
        mutating func reserve(_ permits: Int, upTo limit: Int64, at now: Int64) -> Int64? {
            guard let wait = wait(for: permits, at: now), wait <= max(0, limit) else { return nil }
            if permits > 0 {
                closeAll()
                take(permits, due: latest.saturatingSum(wait))
            }
            return wait
        }

        /// Takes permits now, or promises them to a waiter.
        mutating func enter(_ permits: Int, upTo limit: Int64, at now: Int64) -> Entry {
            let wait = wait(for: permits, at: now)
            guard let wait, wait <= max(0, limit), wait == 0 || queue.count < mostWaiters else {
                return .refused(wait: wait)
            }
            let due = latest.saturatingSum(wait)
            guard wait > 0 else {
                if permits > 0 { take(permits, due: due) }
                return .passed
            }
            nextID &+= 1
            queue.append(Waiter(id: nextID, permits: permits, due: due, told: due))
            promise(permits, due: due)
            return .queued(nextID, due: due)
        }

        /// Lets a waiter pass that has waited until `due`.
        ///
        /// - Returns: False if it does not wait.
        mutating func pass(_ id: UInt64, due: Int64) -> Bool {
            guard let place = queue.place(of: id), let waiter = queue.waiter(at: place), waiter.due <= due
            else { return false }
            while queue.isOpen(place) { closeFirst() }
            remove(id, at: place)
            return true
        }

        /// Takes a waiter out of the queue and gives its permits back, as though it had never come: the waiters behind
        /// it move up. Permits behind which others were promised to callers that do not wait here are lost, since
        /// those callers cannot be told; so are permits whose time has come.
        ///
        /// - Returns: False if it does not wait.
        mutating func cancel(_ id: UInt64, at now: Int64) -> Bool {
            bringUp(to: now)
            guard let place = queue.place(of: id), let waiter = queue.waiter(at: place) else { return false }
            guard queue.isOpen(place) else {
                remove(id, at: place)
                return true
            }
            let isFirst = queue.first?.id == id, isLast = queue.isLast(place)
            remove(id, at: place)
            giveBack(waiter.permits)
            if open > 0, !isLast { isStale = true }
            if isFirst { expectFirst() }
            return true
        }

        /// Goes on under another policy. Permits that are there stay, as far as the new limit allows. If the new policy
        /// is faster for all waiters, they get an earlier moment; if not, what they were told holds, and those who come
        /// later do not wait longer for it than they would have before. A change of algorithm keeps the permits
        /// that are there and no more.
        mutating func reconfigure(_ policy: RateLimitPolicy, at now: Int64) {
            bringUp(to: now)
            promiseAgain()
            let before = self
            giveBack(open)
            follow(policy)
            if !promise(isFaster: true) {
                self = before
                // Their permits are counted in the terms of the old policy.
                closeAll()
                follow(policy)
            }
            tellAll()
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

        /// The waiters that pass earlier than they were told, in their order, since this was asked last.
        mutating func takeMoves() -> [Move] {
            guard !moves.isEmpty else { return [] }
            defer { moves = [] }
            return moves
        }

        /// The permits that are there; below zero when permits are promised.
        var available: Int {
            switch plan.algorithm {
            case .tokenBucket: bucket.available(plan)
            case .slidingWindow: log.available(plan) &- open
            case .cycles: cycles.available
            }
        }

        /// The tokens of a token bucket and the part of the next one.
        var tokens: Double { bucket.tokens(plan) }
        /// The number of the current period, when permits come in cycles.
        var cycle: Int64 { cycles.cycle }

        /// Counts the permits that came back since, and takes those of waiters whose time has come.
        mutating func bringUp(to now: Int64) {
            latest = max(latest, now)
            switch plan.algorithm {
            case .tokenBucket: bucket.refill(plan, to: latest)
            case .slidingWindow: log.expire(plan, at: latest)
            case .cycles: cycles.refresh(plan, to: latest)
            }
            if open > 0 { closeLate() }
        }

        /// When as many permits are there, behind all who wait; nil for never.
        private mutating func due(_ permits: Int) -> Int64? {
            switch plan.algorithm {
            case .tokenBucket: return bucket.due(permits, plan, at: latest)
            case .cycles: return cycles.due(permits, plan, at: latest)
            case .slidingWindow:
                guard open > 0 else { return log.due(permits, plan, at: latest) }
                if isStale { promiseAgain() }
                tail.expire(plan, at: latest)
                return tail.due(permits, plan, at: latest)
            }
        }

        /// Takes permits behind which there is nobody open.
        private mutating func take(_ permits: Int, due: Int64) {
            switch plan.algorithm {
            case .tokenBucket: bucket.take(permits, plan)
            case .slidingWindow: log.take(permits, plan, due: due)
            case .cycles: cycles.take(permits)
            }
        }

        private mutating func remove(_ id: UInt64, at place: Int) {
            queue.remove(at: place)
            // It may have moved up a moment ago. Whoever has left is told nothing more.
            moves.removeAll { $0.id == id }
        }

        // MARK: Open waiters

        private mutating func promise(_ permits: Int, due: Int64) {
            switch plan.algorithm {
            case .tokenBucket: bucket.take(permits, plan)
            case .cycles: cycles.take(permits)
            case .slidingWindow:
                if open == 0 { tail = log }
                tail.take(permits, plan, due: due)
            }
            open &+= permits
        }

        /// Takes promised permits back, of the last waiter or of all; after those of another one the tail is wrong.
        private mutating func giveBack(_ permits: Int) {
            switch plan.algorithm {
            case .tokenBucket: bucket.giveBack(permits, plan)
            case .cycles: cycles.giveBack(permits)
            case .slidingWindow: if !isStale { tail.giveBack(permits) }
            }
            open &-= permits
            if open == 0 { isStale = false }
        }

        /// Finds out anew when each open waiter passes.
        private mutating func promiseAgain() {
            guard isStale else { return }
            giveBack(open)
            _ = promise(isFaster: false)
        }

        /// Promises the open waiters their permits, which were given back.
        ///
        /// - Parameter isFaster: Whether nobody may have to wait longer than it was expected to.
        /// - Returns: False if somebody would.
        private mutating func promise(isFaster: Bool) -> Bool {
            for place in queue.openPlaces {
                guard let waiter = queue.waiter(at: place) else { continue }
                let next = due(waiter.permits) ?? .max
                if isFaster, next > waiter.due { return false }
                // A log that remembers permits together may say a later moment than before. The old one is as good: those
                // before are fewer now and pass no later.
                let due = min(next, waiter.due)
                promise(waiter.permits, due: due)
                queue.expect(due, at: place)
            }
            return true
        }

        /// Closes the open waiters whose time has come.
        private mutating func closeLate() {
            while let first = queue.first, first.due <= latest { closeFirst() }
        }

        private mutating func closeFirst() {
            guard let first = queue.first else { return }
            queue.close()
            open &-= first.permits
            if plan.algorithm == .slidingWindow { log.take(first.permits, plan, due: first.due) }
            if open == 0 { isStale = false }
            expectFirst()
        }

        /// Closes all open waiters: their permits cannot be given back any more.
        private mutating func closeAll() {
            guard open > 0 else { return }
            promiseAgain()
            tellAll()
            if plan.algorithm == .slidingWindow { log = tail }
            queue.closeAll()
            open = 0
        }

        /// Sees when the first open waiter passes, which those behind it do not change, and tells it.
        private mutating func expectFirst() {
            guard let first = queue.first else { return }
            let place = queue.openPlaces.lowerBound
            if isStale, let due = dueAlone(first.permits), due < first.due { queue.expect(due, at: place) }
            if let move = queue.tell(at: place) { moves.append(move) }
        }

        /// When as many permits are there, as though nobody were open; nil for never.
        private mutating func dueAlone(_ permits: Int) -> Int64? {
            switch plan.algorithm {
            case .tokenBucket:
                var bucket = bucket
                bucket.giveBack(open, plan)
                return bucket.due(permits, plan, at: latest)
            case .cycles:
                var cycles = cycles
                cycles.giveBack(open)
                return cycles.due(permits, plan, at: latest)
            case .slidingWindow: return log.due(permits, plan, at: latest)
            }
        }

        private mutating func tellAll() {
            for place in queue.openPlaces where queue.waiter(at: place) != nil {
                if let move = queue.tell(at: place) { moves.append(move) }
            }
        }
    }
}
