extension CircuitBreakerRegistry {
    /// Which breakers are kept, and under which policies. The breakers have locks of their own, which are taken inside
    /// the registry's and never the other way round.
    @usableFromInline
    struct StateMachine {
        typealias Change = (breaker: CircuitBreaker, transitions: [CircuitBreaker.Transition])

        /// A breaker in a ring in the order of use; the first entry is the ring's anchor and has none.
        @usableFromInline
        struct Entry {
            var key: Key?
            @usableFromInline var breaker: CircuitBreaker?
            /// The one that was used after this.
            @usableFromInline var newer = 0
            /// The one that was used before this.
            @usableFromInline var older = 0
        }

        var standard: CircuitBreakerPolicy
        var own: [Key: CircuitBreakerPolicy]
        var limit: Int
        private var chance: Chance
        @usableFromInline var entries = [Entry()]
        @usableFromInline var places: [Key: Int] = [:]
        private var free: [Int] = []
        /// Where the next look for one that may leave begins; 0 for with the one that was used the longest time ago.
        @usableFromInline var hand = 0
        /// How often a breaker was asked whether it may leave.
        private(set) var looks = 0
        private(set) var made = 0
        private(set) var left = 0
        private(set) var unkept = 0

        init(
            _ standard: CircuitBreakerPolicy, own: [Key: CircuitBreakerPolicy], limit: Int, chance: Chance
        ) {
            self.standard = standard
            self.own = own
            self.limit = max(1, limit)
            self.chance = chance
        }

        var count: Int { places.count }

        // MARK: Breakers

        /// The breaker of a key, which counts as used now.
        @inlinable
        mutating func find(_ key: Key) -> CircuitBreaker? {
            guard let place = places[key] else { return nil }
            if entries[0].older != place {
                unlink(place)
                linkAsNewest(place)
            }
            return entries[place].breaker
        }

        func peek(_ key: Key) -> CircuitBreaker? {
            places[key].flatMap { entries[$0].breaker }
        }

        var all: [(key: Key, breaker: CircuitBreaker)] {
            var all: [(key: Key, breaker: CircuitBreaker)] = [], place = entries[0].older
            while place != 0 {
                if let key = entries[place].key, let breaker = entries[place].breaker {
                    all.append((key, breaker))
                }
                place = entries[place].older
            }
            return all
        }

        /// Makes the breaker of a key that has none, and keeps it if there is room or can be made.
        mutating func insert(
            _ key: Key, at now: Instant, make: (CircuitBreakerPolicy, Chance) -> CircuitBreaker
        )
            -> CircuitBreaker
        {
            let breaker = make(policy(of: key), Chance(seed: chance.next()))
            if count >= limit { makeRoom(at: now) }
            guard count < limit else {
                unkept &+= 1
                return breaker
            }
            let place = free.popLast() ?? entries.endIndex
            if place == entries.endIndex { entries.append(Entry()) }
            entries[place] = Entry(key: key, breaker: breaker)
            places[key] = place
            linkAsNewest(place)
            made &+= 1
            return breaker
        }

        mutating func remove(_ key: Key) -> CircuitBreaker? {
            places[key].flatMap { remove(at: $0) }
        }

        private mutating func remove(at place: Int) -> CircuitBreaker? {
            let entry = entries[place]
            unlink(place)
            entries[place] = Entry()
            free.append(place)
            if let key = entry.key { places[key] = nil }
            return entry.breaker
        }

        // MARK: Leaving

        /// The most breakers to look at for a new key, so that a registry in which none may leave, as in an outage of
        /// all, does not look at every one of them for each call.
        private static var mostLooks: Int { 32 }

        /// Lets breakers leave until no more than the limit are left, as far as they may.
        mutating func shrink(at now: Instant) {
            hand = 0
            shrink(to: limit, looking: count, at: now)
        }

        /// Makes room for one more, if one of those that are looked at may leave.
        private mutating func makeRoom(at now: Instant) {
            if count <= Self.mostLooks { hand = 0 }
            shrink(to: limit - 1, looking: min(count, Self.mostLooks), at: now)
        }

        /// Looks at so many breakers, beginning where the last look ended: the idle ones leave at once, and those that
        /// recover if these were not enough.
        private mutating func shrink(to most: Int, looking looks: Int, at now: Instant) {
            var recovering: [Int] = []
            for _ in 0..<looks where count > most {
                let place = hand == 0 ? entries[0].newer : hand
                hand = entries[place].newer
                switch standing(place, at: now) {
                case .idle: leave(place)
                case .recovering: recovering.append(place)
                case .needed: break
                }
            }
            for place in recovering where count > most { leave(place) }
        }

        private mutating func leave(_ place: Int) {
            _ = remove(at: place)
            left &+= 1
        }

        private mutating func standing(_ place: Int, at now: Instant) -> CircuitBreaker.Standing {
            looks &+= 1
            // A caller that holds it may be in a call, and would go on with it beside another one for the same key.
            guard isKnownUniquelyReferenced(&entries[place].breaker) else { return .needed }
            return entries[place].breaker?.standing(at: now) ?? .needed
        }

        // MARK: Policies

        func policy(of key: Key) -> CircuitBreakerPolicy { own[key] ?? standard }

        /// Gives all breakers, or one, the policy that it should have.
        func adopt(only key: Key? = nil) -> [Change] {
            let affected = key.map { key in peek(key).map { [(key, $0)] } ?? [] } ?? all
            return affected.compactMap { key, breaker in
                let policy = policy(of: key)
                guard breaker.policy != policy else { return nil }
                return (breaker, breaker.reconfigureUnreported(policy))
            }
        }

        // MARK: Order

        @inlinable
        mutating func unlink(_ place: Int) {
            let entry = (newer: entries[place].newer, older: entries[place].older)
            if hand == place { hand = entry.newer }
            entries[entry.newer].older = entry.older
            entries[entry.older].newer = entry.newer
        }

        @inlinable
        mutating func linkAsNewest(_ place: Int) {
            let newest = entries[0].older
            entries[place].older = newest
            entries[place].newer = 0
            entries[newest].newer = place
            entries[0].older = place
        }
    }
}

extension CircuitBreaker {
    /// What a registry asks before it lets a breaker leave.
    enum Standing {
        /// Closed, and nothing was set by hand.
        case idle
        /// Its open time is over and it waits for probes.
        case recovering
        /// It keeps calls away, or something was set by hand.
        case needed
    }

    func standing(at now: Instant) -> Standing {
        decide { $0.standing(at: now) }
    }
}

extension CircuitBreaker.StateMachine {
    func standing(at now: Instant) -> CircuitBreaker.Standing {
        guard shadowByHand == nil else { return .needed }
        switch phase {
        case .closed: return .idle
        case .open: return remainingOpen(at: now) > .zero ? .needed : .recovering
        case .halfOpen, .ramping: return .recovering
        case .isolated, .disabled: return .needed
        }
    }
}
