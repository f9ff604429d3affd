import Synchronization

extension Cache {
    typealias Resumption = Waiters<Result<Answer, any Error>>.Resumption

    /// What the lock guards.
    @usableFromInline
    struct Guarded: Sendable {
        @usableFromInline var machine: StateMachine
        var waiters = Waiters<Result<Answer, any Error>>()
        /// Of the calls that wait: it may be the turn of each.
        var loads: [UInt64: Load] = [:]
        /// The loads that have not ended.
        var running: [UInt64: SharedWork] = [:]

        init(machine: StateMachine) {
            self.machine = machine
        }

        /// Asks the machine, and keeps the load of a call that has to wait.
        mutating func ask(_ key: Key, _ load: @escaping Load, at now: Instant) -> Lookup {
            let lookup = machine.get(key, at: now)
            switch lookup {
            case .begin(_, let waiter), .join(let waiter): loads[waiter] = load
            case .serve, .fail, .refresh, .alone: break
            }
            return lookup
        }

        /// Gives up loads; what is returned is done outside the lock.
        mutating func drop(_ flights: [UInt64?]) -> [SharedWork.Step] {
            flights.compactMap { flight in
                guard let flight, let step = running[flight]?.giveUp() else { return nil }
                running[flight] = nil
                return step
            }
        }

        /// Makes the load that a call waits for as urgent as the call.
        mutating func raise(_ waiter: UInt64, to priority: TaskPriority) -> SharedWork.Step? {
            guard let flight = machine.flights.raise(waiter, to: priority) else { return nil }
            return running[flight]?.raise(to: priority)
        }

        mutating func settle(_ waiter: UInt64, _ delivery: Result<Answer, any Error>) -> Resumption? {
            loads[waiter] = nil
            return waiters.answer(waiter, delivery)
        }
    }

    // MARK: Starting and ending loads

    /// Starts a load, and cancels the one that it replaces.
    func launch(_ start: Start, _ key: Key, _ load: @escaping Load) {
        let priority = Task.currentPriority
        let (replaced, isWanted) = guarded.withLock { guarded in
            let flights = guarded.machine.flights, isWanted = flights.contains(start.flight)
            if isWanted {
                guarded.running[start.flight] = SharedWork(
                    at: priority, wanted: flights.priority(of: start.flight))
            }
            return (guarded.drop([start.replaces]), isWanted)
        }
        perform(replaced)
        guard isWanted else { return }
        let spawned = spawner.spawn { await self.perform(start, key, load) }
        let step = guarded.withLock { guarded in
            // It may have ended; what it still does for the second tier is its own.
            let step = guarded.running[start.flight]?.know(spawned)
            if !guarded.machine.flights.contains(start.flight) { guarded.running[start.flight] = nil }
            return step
        }
        step?()
    }

    func perform(_ steps: [SharedWork.Step]) {
        for step in steps { step() }
    }

    private func perform(_ start: Start, _ key: Key, _ load: Load) async {
        guard let until = start.until else { return await complete(start, key, load) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                guard (try? await self.time.sleep(until: until)) != nil else { return }
                // A clock may wake its sleepers a little early.
                self.expire(start.flight, key, at: max(until, self.time.now))
            }
            await self.complete(start, key, load)
            group.cancelAll()
        }
    }

    private func complete(_ start: Start, _ key: Key, _ load: Load) async {
        let outcome: Outcome
        var isNew = false
        do {
            let (stored, fromLoad) = try await fetch(key, load)
            outcome = .value(stored.value, weight: weigh(key, stored.value), age: stored.age)
            isNew = fromLoad
        } catch is CancellationError {
            outcome = .cancelled
        } catch {
            outcome = .failure(error, remember: remembers(error))
        }
        let now = time.now
        let isKept = follow(key) { guarded in
            guarded.running[start.flight] = nil
            return guarded.machine.finish(start.flight, outcome, at: now)
        }
        guard isNew, isKept, let tier, case .value(let value, _, _) = outcome else { return }
        let lifetime = policy.freshFor + policy.staleFor
        await inTier(key) { try await tier.set(value, for: key, lifetime: lifetime) }
    }

    /// Gives up a load in the background that has outlived its entry.
    private func expire(_ flight: UInt64, _ key: Key, at now: Instant) {
        var given: [SharedWork.Step] = []
        follow(key) { guarded in
            guard let ending = guarded.machine.expire(flight, at: now) else { return nil }
            given = guarded.drop([flight])
            return ending
        }
        perform(given)
    }

    /// Does what the end of a load asks for.
    @discardableResult
    private func follow(_ key: Key, _ end: (inout Guarded) -> Ending?) -> Bool {
        let (resumptions, restart, isKept) = change { guarded in
            guard let ending = end(&guarded) else { return ([Resumption](), (Start, Load)?.none, false) }
            let resumptions = ending.waiters.compactMap { guarded.settle($0, ending.delivery) }
            let restart = ending.restart.flatMap { start in
                start.owner.flatMap { guarded.loads[$0] }.map { (start, $0) }
            }
            return (resumptions, restart, ending.isKept)
        }
        for resume in resumptions { resume() }
        if let (start, load) = restart { launch(start, key, load) }
        return isKept
    }

    // MARK: Waiting

    func wait(_ waiter: UInt64) async throws -> Answer {
        let delivery = await withTaskCancellationHandler {
            await withUrgency {
                // Read where the handler below is told of what comes later.
                let priority = Task.currentPriority
                return await withCheckedContinuation { continuation in
                    let (resume, step) = guarded.withLock { guarded in
                        let step = guarded.raise(waiter, to: priority)
                        return (guarded.waiters.suspend(waiter, continuation), step)
                    }
                    resume?()
                    step?()
                }
            } onEscalated: { priority in
                self.guarded.withLock { $0.raise(waiter, to: priority) }?()
            }
        } onCancel: {
            let (resume, abandoned) = guarded.withLock { guarded in
                let (waited, abandoned) = guarded.machine.withdraw(waiter)
                let resume = waited ? guarded.settle(waiter, .failure(CancellationError())) : nil
                return (resume, guarded.drop([abandoned]))
            }
            resume?()
            perform(abandoned)
        }
        return try delivery.get()
    }

    /// Loads for one caller, above the number of loads that may be shared.
    func loadAlone(_ key: Key, _ load: Load) async throws -> Answer {
        do {
            let value = try await load(key)
            if onEvent != nil { change { $0.machine.note(.loaded, key) } }
            return Answer(value, isStale: false)
        } catch let error as CancellationError {
            throw error
        } catch {
            let now = time.now
            let old = change { guarded in
                guarded.machine.note(.loadFailed, key)
                return guarded.machine.fallback(key, at: now)
            }
            if let old { return old }
            throw error
        }
    }

    // MARK: The second tier

    /// The value of the second tier if it is fresh there, else of the load, else what the second tier has.
    private func fetch(_ key: Key, _ load: Load) async throws -> (CacheTierEntry<Value>, fromLoad: Bool) {
        // Everyone may have left before it began.
        try Task.checkCancellation()
        guard let tier else { return (CacheTierEntry(try await load(key), age: .zero), true) }
        let stored = await inTier(key) { try await tier.get(key) } ?? nil
        if let stored, stored.age < policy.freshFor { return (hitInTier(key, stored), false) }
        do {
            try Task.checkCancellation()
            return (CacheTierEntry(try await load(key), age: .zero), true)
        } catch {
            guard let stored, !(error is CancellationError), stored.age < policy.freshFor + policy.staleFor
            else {
                throw error
            }
            change { $0.machine.note(.loadFailed, key) }
            return (hitInTier(key, stored), false)
        }
    }

    private func hitInTier(_ key: Key, _ stored: CacheTierEntry<Value>) -> CacheTierEntry<Value> {
        change { $0.machine.note(.tierHit, key) }
        return stored
    }

    @discardableResult
    func inTier<Result: Sendable>(
        _ key: Key, _ work: @escaping @Sendable () async throws -> Result
    ) async -> Result? {
        do {
            return try await tierLimit.run(work)
        } catch {
            // A cancelled load says nothing about the tier.
            if !Task.isCancelled { change { $0.machine.note(.tierFailed, key) } }
            return nil
        }
    }
}
