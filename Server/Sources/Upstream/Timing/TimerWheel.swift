import NIOCore

/// A deadline that can be moved without cost. Belongs to one wheel, and with it to one event loop.
final class DeadlineTimer {
    /// When the time is up; `distantFuture` for never.
    fileprivate(set) var deadline = NIODeadline.distantFuture
    fileprivate var tick = 0
    fileprivate var place = -1
    /// When its place comes up.
    fileprivate var turn = NIODeadline.distantFuture
    fileprivate let fire: () -> Void

    init(_ fire: @escaping () -> Void) {
        self.fire = fire
    }
}

/// All deadlines of one event loop behind a single timer of that loop.
///
/// A hashed wheel (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987) with lazy moves: a timer whose
/// deadline moves away stays where it is and is moved on when its old place comes up, so that setting a deadline on
/// each request and each chunk costs a store. A timer of the event loop for each of them costs 2.4 µs. Deadlines are
/// kept to within one tick, never early. Must be used on its event loop only.
final class TimerWheel {
    private static let slotCount = 512
    /// The length of a tick.
    static let tick = TimeAmount.milliseconds(10)

    private let loop: any EventLoop
    private let origin: NIODeadline
    private var slots: [[DeadlineTimer]] = Array(repeating: [], count: slotCount)
    /// The last tick that was looked at.
    private var current = 0
    private var count = 0
    private var wake: (tick: Int, task: Scheduled<Void>)?

    init(loop: any EventLoop) {
        self.loop = loop
        origin = loop.now
    }

    /// Sets the timer's deadline, whether it had one or not.
    func arm(_ timer: DeadlineTimer, at deadline: NIODeadline) {
        loop.assertInEventLoop()
        timer.deadline = deadline
        // What moves away, which is nearly all, stays where it is.
        if timer.place >= 0, deadline >= timer.turn { return }
        guard deadline < .distantFuture else { return }
        let tick = self.tick(of: deadline)
        if timer.place >= 0 {
            if timer.tick <= tick { return }
            take(timer)
        }
        put(timer, tick)
        schedule(tick)
    }

    /// Takes the deadline away. The timer may be armed again.
    func disarm(_ timer: DeadlineTimer) {
        loop.assertInEventLoop()
        timer.deadline = .distantFuture
    }

    /// Takes the timer out for good.
    func remove(_ timer: DeadlineTimer) {
        loop.assertInEventLoop()
        timer.deadline = .distantFuture
        if timer.place >= 0 { take(timer) }
    }

    /// The number of timers that have a place.
    var population: Int { count }

    private func tick(of deadline: NIODeadline) -> Int {
        let distance = (deadline - origin).nanoseconds, unit = Self.tick.nanoseconds
        return max(current + 1, Int(distance / unit) + 1)
    }

    private func moment(of tick: Int) -> NIODeadline {
        origin + .nanoseconds(Int64(tick) * Self.tick.nanoseconds)
    }

    private func put(_ timer: DeadlineTimer, _ tick: Int) {
        let slot = tick % Self.slotCount
        timer.tick = tick
        timer.turn = moment(of: tick)
        timer.place = slots[slot].count
        slots[slot].append(timer)
        count += 1
    }

    private func take(_ timer: DeadlineTimer) {
        let slot = timer.tick % Self.slotCount, last = slots[slot].count - 1
        if timer.place != last {
            slots[slot][timer.place] = slots[slot][last]
            slots[slot][timer.place].place = timer.place
        }
        slots[slot].removeLast()
        timer.place = -1
        count -= 1
    }

    private func schedule(_ tick: Int) {
        if let wake {
            if wake.tick <= tick { return }
            wake.task.cancel()
        }
        wake = (tick, loop.assumeIsolated().scheduleTask(deadline: moment(of: tick)) { self.turn() })
    }

    private func turn() {
        wake = nil
        let now = loop.now
        let target = Int((now - origin).nanoseconds / Self.tick.nanoseconds)
        // After a long sleep one round sees every slot.
        var tick = max(current, target - Self.slotCount)
        current = max(current, target)
        var due: [DeadlineTimer] = []
        while tick < target {
            tick += 1
            for timer in slots[tick % Self.slotCount] where timer.tick <= target { due.append(timer) }
        }
        for timer in due where timer.place >= 0 {
            take(timer)
            if timer.deadline == .distantFuture { continue }
            if timer.deadline <= now { timer.fire() } else { put(timer, self.tick(of: timer.deadline)) }
        }
        if count > 0 { schedule(nextOccupied(after: target)) }
    }

    private func nextOccupied(after tick: Int) -> Int {
        (1...Self.slotCount).first { !slots[(tick + $0) % Self.slotCount].isEmpty }.map { tick + $0 } ?? tick
            + 1
    }
}

extension NIODeadline {
    /// The moment that is `duration` later, saturating.
    func advanced(by duration: Duration) -> NIODeadline {
        self + .nanoseconds(duration.limitNanoseconds)
    }
}

extension Duration {
    /// The longest limit that is enforced here. A day.
    private static let longestLimit = Duration.seconds(86_400)

    /// The limit in nanoseconds, from none to a day.
    ///
    /// `components` divides twice by a number of more than 64 bits, which costs more than all else that is done with a
    /// limit. 10⁹ is 2⁹ × 5⁹, so what is shorter than two hours and a half needs a shift and one division.
    var limitNanoseconds: Int64 {
        let attoseconds = self.attoseconds
        guard attoseconds > 0 else { return 0 }
        let shifted = attoseconds >> 9
        if shifted <= Int128(UInt64.max) {
            return Int64(UInt64(truncatingIfNeeded: shifted) / 1_953_125)
        }
        return Int64(truncatingIfNeeded: min(attoseconds, Self.longestLimit.attoseconds) / 1_000_000_000)
    }
}
