import Synchronization

/// Something that happens at a moment, unless it is called off before.
protocol Alarm: AnyObject, Sendable {
    /// The moment for which it was set has come. Called on the queue's sleeper, outside its lock; must be quick.
    func ring(dueAt: Instant)
}

/// Rings alarms at their moments. One sleeping task serves them all, so that a timer that is set and called off, as nearly
/// all are, costs two looks at a list.
///
/// The sleeper ends by itself when it wakes and finds no timer left. It holds the queue only while it is awake.
final class TimerQueue: Sendable {
    typealias Ticket = StateMachine<any Alarm>.Ticket

    private let machine = Mutex(StateMachine<any Alarm>())
    private let sleeping = Mutex<(number: UInt64, task: Spawner.Spawned)?>(nil)
    private let time: TimeSource
    private let spawner: Spawner

    init(time: TimeSource, spawner: Spawner) {
        self.time = time
        self.spawner = spawner
    }

    deinit {
        sleeping.withLock { $0?.task }?.cancel()
    }

    /// Has `alarm` ring at `dueAt`.
    func set(_ alarm: some Alarm, at dueAt: Instant) -> Ticket {
        let (ticket, sleeper) = machine.withLock { machine in
            let (ticket, needsSleeper) = machine.set(alarm, at: dueAt)
            return (ticket, needsSleeper ? machine.sleeper : nil)
        }
        if let sleeper { sleep(until: dueAt, as: sleeper) }
        return ticket
    }

    /// Calls an alarm off. It may be ringing at this moment.
    func cancel(_ ticket: Ticket) {
        machine.withLock { $0.remove(ticket) }
    }

    private func sleep(until dueAt: Instant, as sleeper: UInt64) {
        let task = spawner.spawn { [weak self, time] in
            var wakesAt: Instant? = dueAt
            while let moment = wakesAt {
                do { try await time.sleep(until: moment) } catch { return }
                wakesAt = self?.wake(sleeper, at: moment)
            }
        }
        // The one before sleeps for longer than anybody needs it to.
        let superseded: Spawner.Spawned? = sleeping.withLock { current in
            if let (number, _) = current, number > sleeper { return task }
            defer { current = (sleeper, task) }
            return current?.task
        }
        superseded?.cancel()
    }

    /// Rings what is due. Returns until when to sleep on.
    private func wake(_ sleeper: UInt64, at moment: Instant) -> Instant? {
        // A clock may wake its sleepers a little early; the moment that was waited for has come all the same.
        let now = max(time.now, moment)
        while let (alarm, dueAt) = machine.withLock({ $0.takeDue(at: now) }) { alarm.ring(dueAt: dueAt) }
        return machine.withLock { $0.sleepOn(sleeper) }
    }
}
