/// The results a breaker judges by: counts that forget.
///
/// Adding a result and reading the counts take constant time and allocate nothing. The window has one of three
/// shapes (``CircuitBreakerPolicy/Window``); only the storage of its own shape is filled.
struct CallWindow: Sendable {
    /// How many calls, and how many of them failed, were slow or were ignored.
    struct Counts: Sendable, Hashable, Codable {
        var calls = 0
        var failures = 0
        var slow = 0
        var ignored = 0

        mutating func add(failed: Bool, slow isSlow: Bool) {
            calls &+= 1
            if failed { failures &+= 1 }
            if isSlow { slow &+= 1 }
        }

        mutating func subtract(_ other: Counts) {
            calls &-= other.calls
            failures &-= other.failures
            slow &-= other.slow
            ignored &-= other.ignored
        }
    }

    private struct Slice {
        var start: Instant
        var counts = Counts()
    }

    private enum Shape {
        case calls
        case time(window: Duration, slice: Duration, aligned: Bool)
        case interval(Duration?)
    }

    /// What is in the window now; up to date only after ``expire(at:)``.
    private(set) var counts = Counts()

    private let shape: Shape
    /// Count window: one byte a call (bit 0 failed, bit 1 slow), `next` is the oldest when full.
    private var ring: [UInt8] = []
    private var next = 0
    /// Time window: a ring of slices in order of their start.
    private var slices: [Slice] = []
    private var oldest = 0
    private var live = 0
    /// Interval window: when everything is forgotten.
    private var resetAt: Instant?

    init(_ window: CircuitBreakerPolicy.Window, at now: Instant) {
        switch window {
        case .calls(let size):
            shape = .calls
            ring = Array(repeating: 0, count: min(max(1, size), 100_000))
        case .time(let window, let slices, let aligned):
            let count = min(max(1, slices), 1000)
            shape = .time(window: window, slice: window / count, aligned: aligned)
            self.slices = Array(repeating: Slice(start: now), count: count)
        case .interval(let every):
            shape = .interval(every)
            resetAt = every.map(now.advanced(by:))
        }
    }

    /// Whether it counts calls, has seen as many as it keeps, and all of them were quick successes.
    var isSpotless: Bool {
        guard case .calls = shape else { return false }
        return counts.calls == ring.count && counts.failures == 0 && counts.slow == 0
    }

    /// Whether a change of state clears what the window shows (see ``CircuitBreakerPolicy/Window/interval(_:)``).
    var forgetsOnTransition: Bool {
        if case .interval = shape { return true }
        return false
    }

    mutating func add(failed: Bool, slow: Bool, at now: Instant) {
        switch shape {
        case .calls:
            let call: UInt8 = (failed ? 1 : 0) | (slow ? 2 : 0), evicted = ring[next]
            let isFull = counts.calls == ring.count
            next = next &+ 1 == ring.count ? 0 : next &+ 1
            // One success for another: nothing changes.
            if isFull, evicted | call == 0 { return }
            if isFull {
                if evicted & 1 != 0 { counts.failures &-= 1 }
                if evicted & 2 != 0 { counts.slow &-= 1 }
                counts.calls &-= 1
            }
            ring[next == 0 ? ring.count - 1 : next &- 1] = call
        case .time(_, let slice, let aligned):
            expire(at: now)
            let current = currentSlice(at: now, length: slice, aligned: aligned)
            slices[current].counts.add(failed: failed, slow: slow)
        case .interval:
            expire(at: now)
        }
        counts.add(failed: failed, slow: slow)
    }

    /// Notes a call whose result says nothing about the other side.
    mutating func addIgnored() {
        if case .interval = shape { counts.ignored &+= 1 }
    }

    /// Forgets what is too old at `now`.
    ///
    /// - Returns: Whether an interval is over, and so all that began in it.
    @discardableResult
    mutating func expire(at now: Instant) -> Bool {
        switch shape {
        case .calls: return false
        case .time(let window, _, _):
            while live > 0, now.since(slices[oldest].start) >= window {
                counts.subtract(slices[oldest].counts)
                oldest = (oldest + 1) % slices.count
                live -= 1
            }
            return false
        case .interval(let every):
            guard let every, let reset = resetAt, now > reset else { return false }
            counts = Counts()
            resetAt = now.advanced(by: every)
            return true
        }
    }

    /// Forgets everything.
    mutating func clear(at now: Instant) {
        counts = Counts()
        next = 0
        live = 0
        if case .interval(let every) = shape { resetAt = every.map(now.advanced(by:)) }
    }

    /// The index of the slice that `now` falls into, begun if need be. ``expire(at:)`` must have been called.
    private mutating func currentSlice(at now: Instant, length: Duration, aligned: Bool) -> Int {
        if live > 0 {
            let newest = (oldest + live - 1) % slices.count
            // A full ring means that slices are no multiple of the window; the newest takes what comes.
            if now.since(slices[newest].start) < length || live == slices.count { return newest }
        }
        let index = (oldest + live) % slices.count
        let start = aligned ? Instant(sinceOrigin: now.sinceOrigin.rounded(downTo: length)) : now
        slices[index] = Slice(start: start)
        live += 1
        return index
    }
}

// MARK: - History

extension CallWindow {
    /// What a window holds, free of clock and shape, so that it can be kept in a file and poured into a window of
    /// another size. Nothing in it is trusted when it is read back.
    struct History: Sendable, Hashable, Codable {
        struct Aged: Sendable, Hashable, Codable {
            var age: Duration
            var counts: Counts
        }

        /// Single calls, oldest first (bit 0 failed, bit 1 slow).
        var calls: [UInt8] = []
        /// Groups of calls, oldest first.
        var groups: [Aged] = []
    }

    /// What the window holds at `now`.
    func history(at now: Instant) -> History {
        switch shape {
        case .calls:
            let full = counts.calls == ring.count
            return History(calls: full ? Array(ring[next...] + ring[..<next]) : Array(ring[..<counts.calls]))
        case .time:
            let groups = (0..<live).map { slices[(oldest + $0) % slices.count] }
            return History(groups: groups.map { History.Aged(age: now.since($0.start), counts: $0.counts) })
        case .interval:
            return History(groups: [History.Aged(age: .zero, counts: counts)])
        }
    }

    /// Empties the window and fills it from `history`, as far as that fits its shape.
    mutating func refill(from history: History, at now: Instant) {
        clear(at: now)
        switch shape {
        case .calls:
            for call in history.singleCalls(ring.count) {
                add(failed: call & 1 != 0, slow: call & 2 != 0, at: now)
            }
        case .time(let window, let length, _):
            oldest = 0
            for group in history.inGroups
            where group.age >= .zero && group.age < window && group.counts.calls > 0 {
                pour(group, into: length, at: now)
            }
        case .interval:
            for group in history.inGroups { counts.add(group.counts.plausible) }
            counts = counts.plausible
        }
    }

    /// Adds a group, no older than those before it, to the newest slice if it falls into that, else to a new one.
    private mutating func pour(_ group: History.Aged, into length: Duration, at now: Instant) {
        let start = now.advanced(by: .zero - group.age), newest = slices[max(0, live - 1)].start
        if live == 0 || (start.since(newest) >= length && live < slices.count) {
            slices[live] = Slice(start: start)
            live += 1
        }
        slices[live - 1].counts.add(group.counts.plausible)
        counts.add(group.counts.plausible)
    }
}

extension CallWindow.History {
    /// The youngest groups, the oldest first; single calls are taken to be of now.
    fileprivate var inGroups: [Aged] {
        guard groups.isEmpty else {
            return Array(groups.suffix(1000)).sorted { $0.age > $1.age }
        }
        var counts = CallWindow.Counts()
        for call in calls.suffix(100_000) { counts.add(failed: call & 1 != 0, slow: call & 2 != 0) }
        return [Aged(age: .zero, counts: counts)]
    }

    /// The youngest calls, at most `most`, the oldest first. Those of a group are spread evenly over it.
    fileprivate func singleCalls(_ most: Int) -> [UInt8] {
        guard calls.isEmpty else { return Array(calls.suffix(most)) }
        var youngestFirst: [UInt8] = []
        for group in inGroups.reversed() where youngestFirst.count < most {
            let counts = group.counts.plausible
            for number in 0..<min(counts.calls, most - youngestFirst.count) {
                let failed = counts.falls(counts.failures, on: number),
                    slow = counts.falls(counts.slow, on: number)
                youngestFirst.append((failed ? 1 : 0) | (slow ? 2 : 0))
            }
        }
        return youngestFirst.reversed()
    }
}

extension CallWindow.Counts {
    fileprivate mutating func add(_ other: Self) {
        calls += other.calls
        failures += other.failures
        slow += other.slow
        ignored += other.ignored
    }

    /// Whether one of `some` of these calls is that with the given number, when they are spread evenly.
    fileprivate func falls(_ some: Int, on number: Int) -> Bool {
        (number + 1) * some / calls != number * some / calls
    }

    /// These counts with everything impossible taken out.
    fileprivate var plausible: Self {
        var counts = self
        counts.calls = min(max(0, calls), 1_000_000_000)
        counts.failures = min(max(0, failures), counts.calls)
        counts.slow = min(max(0, slow), counts.calls)
        counts.ignored = min(max(0, ignored), 1_000_000_000)
        return counts
    }
}

extension Duration {
    /// The largest multiple of `unit` that is not longer than this duration, in whole nanoseconds.
    fileprivate func rounded(downTo unit: Duration) -> Duration {
        let unitNanoseconds = unit.wholeNanoseconds
        guard unitNanoseconds > 0 else { return self }
        return .nanoseconds(wholeNanoseconds / unitNanoseconds * unitNanoseconds)
    }
}
