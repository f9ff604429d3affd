extension Cache {
    /// The decisions of a cache: what is served, when a load begins and who waits for it, what stays. No clock, lock,
    /// task or callback.
    @usableFromInline
    struct StateMachine: Sendable {
        enum Content: Sendable {
            case value(Value)
            case failure(any Error)
        }

        /// What a hit has no need of.
        struct Entry: Sendable {
            let key: Key
            let freshUntil: Instant
            /// The error that is remembered in place of a value.
            let failure: (any Error)?
            /// The moment from which a load may be tried again after a failure.
            var retryAt: Instant
        }

        /// What was dropped; see ``takeDiscarded()``.
        struct Discarded: Sendable {
            var entries: [(Entry, Value?)] = []
            /// What held many entries, or their places.
            var stores: [any Sendable] = []
        }

        let policy: CachePolicy
        @usableFromInline var places = CachePlaces<Key>()
        /// By place, in stores of their own: a hit reads few of them.
        @usableFromInline var freshUntil = Slots<Instant>()
        @usableFromInline var values = Slots<Value?>()
        var entries = Slots<Entry?>()
        private var free = Slots<Int>()
        private var discarded = Discarded()
        @usableFromInline var residents: TinyLFU
        @usableFromInline var tally = CacheCounts()
        /// Whether what happens is kept in ``notes``.
        var isWatched = false
        /// What happened and is still to be told.
        var notes: [CacheEvent<Key>.Note] = []
        var flights = Flights()
        private var chance: Chance
        /// The place that is looked at next for an entry that is gone.
        private var hand = 0

        init(_ policy: CachePolicy, chance: Chance) {
            self.policy = policy
            var chance = chance
            residents = TinyLFU(capacity: policy.capacity, chance: Chance(seed: chance.next()))
            self.chance = chance
        }

        /// Everything counted so far.
        var counts: CacheCounts {
            var counts = tally
            counts.evictions = residents.evictions
            counts.rejectedAdmissions = residents.rejections
            counts.entries = places.count
            counts.weight = residents.weight
            counts.loading = flights.count
            return counts
        }

        /// The value of a fresh entry; counts only if there is one. The short way of nearly all calls.
        @inlinable
        mutating func hit(_ key: Key, at now: Instant) -> Value? {
            guard let place = places[key], now < freshUntil[place], let value = values[place] else {
                return nil
            }
            tally.hits &+= 1
            residents.touch(place)
            return value
        }

        /// Asks for the value of a key.
        mutating func get(_ key: Key, at now: Instant) -> Lookup {
            guard let place = places[key], let entry = entries[place] else {
                residents.missed(Self.hash(key))
                return load(key, at: now)
            }
            let age = age(of: entry, at: now)
            if age == .gone {
                drop(place)
                residents.missed(Self.hash(key))
                return load(key, at: now)
            }
            residents.touch(place)
            if let error = entry.failure {
                note(.hit, key)
                return .fail(error)
            }
            guard let value = values[place] else { return load(key, at: now) }
            switch age {
            case .fresh:
                note(.hit, key)
                return .serve(Answer(value, isStale: false))
            case .revalidate: return revalidate(entry, value, at: now)
            case .ifError where now < entry.retryAt: return .serve(stale(key, value))
            case .ifError, .gone: return load(key, at: now)
            }
        }

        /// What may be served if a load of the caller's own failed.
        mutating func fallback(_ key: Key, at now: Instant) -> Answer? {
            failed(key, isCurrent: true, waiters: 1, at: now)
        }

        /// The value of an entry that may still be served, without a trace.
        func peek(_ key: Key, at now: Instant) -> Answer? {
            guard let place = places[key], let entry = entries[place], age(of: entry, at: now) != .gone,
                let value = values[place]
            else { return nil }
            return Answer(value, isStale: now >= entry.freshUntil)
        }

        /// What an entry may be used for; nil if there is none.
        func age(_ key: Key, at now: Instant) -> CacheAge? {
            places[key].flatMap { entries[$0] }.map { age(of: $0, at: now) }
        }

        /// Puts a value in by hand; a load of the key that is in flight will not replace it.
        ///
        /// - Returns: A load that nobody wants any more.
        mutating func put(_ key: Key, _ value: Value, weight: Int, at now: Instant) -> UInt64? {
            if places[key] == nil { residents.missed(Self.hash(key)) }
            store(key, .value(value), weight: weight, age: .zero, at: now)
            return flights.detach(key)
        }

        /// Forgets a key; a load of it that is in flight will be given to its waiters, but not kept.
        ///
        /// - Returns: A load that nobody wants any more.
        mutating func remove(_ key: Key) -> UInt64? {
            if let place = places[key] { drop(place) }
            return flights.detach(key)
        }

        /// Forgets everything but its counts.
        ///
        /// - Returns: The loads that nobody wants any more.
        mutating func removeAll() -> [UInt64] {
            discarded.stores += [places, entries, values, freshUntil, free, residents.removeAll()]
            places = CachePlaces()
            (entries, values, freshUntil, free) = (Slots(), Slots(), Slots(), Slots())
            hand = 0
            return flights.keys.compactMap { flights.detach($0) }
        }
    }
}

// MARK: Loads

extension Cache.StateMachine {
    /// Ends a load.
    ///
    /// - Returns: Nil if the load was given up before.
    mutating func finish(_ id: UInt64, _ outcome: Cache.Outcome, at now: Instant) -> Cache.Ending? {
        if case .cancelled = outcome, let change = flights.handOver(id) {
            // The error is for the caller whose load it was; the next waiter's load is begun for the others.
            note(.loadBegan, change.key)
            let owner = change.owner.map { [$0] } ?? []
            var ending = Cache.Ending(waiters: owner, restart: change.start)
            if let old = failed(change.key, isCurrent: change.isCurrent, waiters: owner.count, at: now) {
                ending.delivery = .success(old)
            }
            return ending
        }
        guard let (flight, isCurrent) = flights.end(id) else { return nil }
        var ending = Cache.Ending(waiters: flight.waiters)
        switch outcome {
        case .value(let value, let weight, let age):
            note(.loaded, flight.key)
            var isStale = false
            if isCurrent {
                isStale = store(flight.key, .value(value), weight: weight, age: age, at: now)
                ending.isKept = places[flight.key] != nil
            }
            if isStale { note(.servedStale, flight.key, calls: flight.waiters.count) }
            ending.delivery = .success(Cache.Answer(value, isStale: isStale))
        case .failure(let error, let remember):
            note(.loadFailed, flight.key)
            ending.delivery = .failure(error)
            if let old = failed(flight.key, isCurrent: isCurrent, waiters: flight.waiters.count, at: now) {
                ending.delivery = .success(old)
            } else if isCurrent, remember, policy.errorsFor > .zero {
                store(flight.key, .failure(error), weight: 1, age: .zero, at: now)
            }
        case .cancelled:
            if let old = failed(flight.key, isCurrent: isCurrent, waiters: flight.waiters.count, at: now) {
                ending.delivery = .success(old)
            }
        }
        return ending
    }

    /// Gives up a load in the background whose time is up, which is when its entry is gone.
    ///
    /// - Returns: Nil if it has ended or has time left. Else the load that its waiters, if any, wait for now.
    mutating func expire(_ id: UInt64, at now: Instant) -> Cache.Ending? {
        guard let key = flights.key(of: id), flights.isLate(id, at: now) else { return nil }
        note(.loadFailed, key)
        guard let change = flights.handOver(id) else {
            _ = flights.end(id)
            return Cache.Ending()
        }
        note(.loadBegan, key)
        return Cache.Ending(restart: change.start)
    }

    /// Takes a waiter that was cancelled out.
    ///
    /// - Returns: Whether it still waited, and the load to cancel if nobody else waits for it.
    mutating func withdraw(_ waiter: UInt64) -> (waited: Bool, abandoned: UInt64?) {
        flights.withdraw(waiter)
    }

    private mutating func load(_ key: Key, at now: Instant) -> Cache.Lookup {
        note(.missed, key)
        if let id = flights.current(key) {
            if !flights.isLate(id, at: now) { return .join(waiter: flights.join(id)) }
            note(.loadFailed, key)
            note(.loadBegan, key)
            let (start, waiter) = flights.begin(key, replacing: id)
            return .begin(start, waiter: waiter)
        }
        note(.loadBegan, key)
        guard flights.count < policy.maximumLoads else { return .alone }
        let (start, waiter) = flights.begin(key)
        return .begin(start, waiter: waiter)
    }

    private mutating func revalidate(_ entry: Entry, _ value: Value, at now: Instant) -> Cache.Lookup {
        let answer = stale(entry.key, value)
        guard now >= entry.retryAt, flights.current(entry.key) == nil, flights.count < policy.maximumLoads
        else { return .serve(answer) }
        note(.loadBegan, entry.key)
        return .refresh(answer, flights.refresh(entry.key, until: goneAt(entry)))
    }

    /// Notes a failed load, and finds what may be served in its place.
    private mutating func failed(
        _ key: Key, isCurrent: Bool, waiters: Int, at now: Instant
    ) -> Cache.Answer? {
        guard isCurrent, let place = places[key], let answer = peek(key, at: now) else { return nil }
        entries[place]?.retryAt = now.advanced(by: policy.pauseAfterFailure)
        if answer.isStale { note(.servedStale, key, calls: waiters) }
        return answer
    }

    private mutating func stale(_ key: Key, _ value: Value) -> Cache.Answer {
        note(.servedStale, key)
        return Cache.Answer(value, isStale: true)
    }
}

// MARK: Entries

extension Cache.StateMachine {
    private func age(of entry: Entry, at now: Instant) -> CacheAge {
        if now < entry.freshUntil { return .fresh }
        if entry.failure != nil { return .gone }
        let stale = now.since(entry.freshUntil)
        if stale < policy.staleWhileRevalidate { return .revalidate }
        return stale < policy.staleIfError ? .ifError : .gone
    }

    private func goneAt(_ entry: Entry) -> Instant { entry.freshUntil.advanced(by: policy.staleFor) }

    /// Stores what was loaded `age` ago.
    ///
    /// - Returns: Whether it is stale already.
    @discardableResult
    private mutating func store(
        _ key: Key, _ content: Content, weight: Int, age: Duration, at now: Instant
    ) -> Bool {
        var value: Value?, failure: (any Error)?
        switch content {
        case .value(let new): value = new
        case .failure(let error): failure = error
        }
        let lasts = failure == nil ? policy.freshFor : policy.errorsFor
        // What is left is varied, not the whole: jitter alone must not make a fresh value of another tier stale.
        let left = lasts - min(max(age, .zero), .unbounded)
        let freshUntil = now.advanced(by: policy.freshness(left, random: chance.unit()))
        let isStale = now >= freshUntil
        let retryAt = isStale ? now.advanced(by: policy.pauseAfterFailure) : freshUntil
        let entry = Entry(key: key, freshUntil: freshUntil, failure: failure, retryAt: retryAt)
        if let place = places[key] {
            fill(place, entry, value)
            evict(residents.reweigh(place, to: weight))
        } else {
            let place = free.popLast() ?? entries.count
            fill(place, entry, value)
            places.add(key, at: place)
            movePlaces()
            let hash = Self.hash(key)
            evict(residents.insert(place, hash: hash, weight: weight))
            sweep(at: now)
        }
        return isStale
    }

    /// Moves the places of a few keys to where there is room for more, if they are being moved.
    private mutating func movePlaces() {
        for place in places.due(of: entries.count) {
            if let entry = entries[place] { places.move(entry.key, at: place) }
        }
        if let former = places.endMove(of: entries.count) { discarded.stores.append(former) }
    }

    /// Puts an entry into a place, which may be the first beyond the last.
    private mutating func fill(_ place: Int, _ entry: Entry, _ value: Value?) {
        if place == entries.count {
            entries.append(nil)
            values.append(nil)
            freshUntil.append(Instant())
        }
        discard(place)
        entries[place] = entry
        values[place] = value
        freshUntil[place] = entry.freshUntil
    }

    /// Sets what a place holds aside.
    private mutating func discard(_ place: Int) {
        guard let entry = entries[place] else { return }
        discarded.entries.append((entry, values[place]))
        entries[place] = nil
        values[place] = nil
    }

    /// What was dropped since the last time. Whoever holds the lock frees it after giving that back: freeing a value may
    /// run code of its own, which may ask this cache.
    mutating func takeDiscarded() -> Discarded {
        defer { discarded = Discarded() }
        return discarded
    }

    /// Looks at two places for entries that are gone: enough to find all of them in time, at a fixed cost.
    private mutating func sweep(at now: Instant) {
        for _ in 0..<min(2, entries.count) {
            hand = hand + 1 < entries.count ? hand + 1 : 0
            if let entry = entries[hand], age(of: entry, at: now) == .gone { drop(hand) }
        }
    }

    private mutating func drop(_ place: Int) {
        residents.remove(place)
        release([place])
    }

    private mutating func evict(_ freed: [Int]) {
        for place in freed { entries[place].map { note(.evicted, $0.key) } }
        release(freed)
    }

    /// Empties places that no longer weigh anything.
    private mutating func release(_ freed: [Int]) {
        for place in freed {
            guard let entry = entries[place] else { continue }
            places.remove(entry.key)
            discard(place)
            free.append(place)
        }
    }

    private static func hash(_ key: Key) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(key)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }
}
