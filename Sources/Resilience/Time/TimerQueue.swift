import Synchronization

/// Something that happens at a moment, unless it is called off before.
protocol Alarm: AnyObject, Sendable {
    /// The moment for which it was set has come. Called on the queue's sleeper, outside its lock: others wait behind it, so
    /// what a caller gave, a closure or the cancellation of its task, has to run in a task of its own.
    ///
    /// - Parameter spawner: Where such a task is started.
    func ring(dueAt: Instant, spawner: Spawner)
}

/// Rings alarms at their moments. One sleeping task serves them all, so that a timer that is set and called off, as nearly
/// all are, costs two looks at a list.
///
/// The sleeper ends by itself when it wakes and finds no timer left. It holds the queue only while it is awake. One that ends
/// by an error, since its clock throws or its task was cancelled, is replaced.
final class TimerQueue: Sendable {
    private typealias Timers = StateMachine<any Alarm, Instant>
    typealias Ticket = StateMachine<any Alarm, Instant>.Ticket

    private let machine = Mutex(Timers())
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
                do { try await time.sleep(until: moment) } catch {
                    self?.mend(sleeper)
                    return
                }
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
        while let (alarm, dueAt) = machine.withLock({ $0.takeDue(at: now) }) {
            alarm.ring(dueAt: dueAt, spawner: spawner)
        }
        return machine.withLock { $0.sleepOn(sleeper) }
    }

    /// A sleeper has ended by an error.
    private func mend(_ sleeper: UInt64) {
        switch machine.withLock({ $0.sleeperFailed(sleeper) }) {
        case .nothing: break
        case .sleeper(let number, let moment): sleep(until: moment, as: number)
        case .ring(let due): for (alarm, dueAt) in due { alarm.ring(dueAt: dueAt, spawner: spawner) }
        }
    }
}
