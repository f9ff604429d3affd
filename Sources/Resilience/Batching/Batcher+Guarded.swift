extension Batcher {
    /// The one timer, for the next moment at which something is to be done.
    struct Timer {
        let id: UInt64
        let at: Instant
        var work: SharedWork
    }

    /// Someone who waits for the end of the items up to a number.
    struct Drain {
        let mark: UInt64
        let waiter: CheckedContinuation<Void, Never>
    }

    /// What is done after the lock was given back.
    struct Effects {
        var event: BatcherEvent?
        var answers: [Waiters<Result<Output, any Error>>.Resumption] = []
        var starts: [UInt64] = []
        var steps: [SharedWork.Step] = []
        var timer: (id: UInt64, at: Instant)?
        var drained: [CheckedContinuation<Void, Never>] = []
    }

    /// What the lock guards. The machine decides; the rest is what only the shell can hold.
    struct Guarded {
        var machine: StateMachine
        /// The items of callers that still wait, by caller.
        var items: [UInt64: Item] = [:]
        var waiters = Waiters<Result<Output, any Error>>()
        /// The batches that run.
        var works: [UInt64: SharedWork] = [:]
        var timer: Timer?
        var drains: [UInt64: Drain] = [:]
        var cancelledDrains: Set<UInt64> = []
        var nextID: UInt64 = 0

        /// Gives a caller its result, now or when it suspends. Does nothing if it has gone.
        mutating func settle(
            _ id: UInt64, _ result: Result<Output, any Error>, _ effects: inout Effects
        ) {
            guard items.removeValue(forKey: id) != nil else { return }
            if let resume = waiters.answer(id, result) { effects.answers.append(resume) }
        }

        /// Keeps one timer, for the next moment at which the machine has something to do.
        mutating func setTimer(_ effects: inout Effects) {
            let next = machine.wakesAt
            if let timer {
                // A timer that rings too early does no harm, and costs less than another one.
                if let next, timer.at <= next { return }
                self.timer?.work.giveUp().map { effects.steps.append($0) }
                self.timer = nil
            }
            guard let next else { return }
            nextID += 1
            let priority = Task.currentPriority
            timer = Timer(
                id: nextID, at: next, work: SharedWork(at: priority, wanted: machine.queuedPriority))
            effects.timer = (nextID, next)
        }

        /// Makes what a caller waits for as urgent as itself: its batch, or the timer that will start it.
        mutating func raise(_ caller: UInt64, to priority: TaskPriority) -> SharedWork.Step? {
            guard let number = machine.raise(caller, to: priority) else {
                return timer?.work.raise(to: priority)
            }
            return works[number]?.raise(to: priority)
        }

        mutating func endDrains(_ effects: inout Effects) {
            guard !drains.isEmpty else { return }
            // In order, so that a simulation repeats itself.
            for (id, drain) in drains.sorted(by: { $0.key < $1.key }) where machine.isDone(upTo: drain.mark) {
                drains[id] = nil
                effects.drained.append(drain.waiter)
            }
        }
    }
}
