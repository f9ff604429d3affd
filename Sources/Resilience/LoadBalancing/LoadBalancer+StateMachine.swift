extension LoadBalancer {
    /// How a call to a target ended, with its latency in nanoseconds.
    enum Outcome: Sendable, Hashable {
        case success(Double)
        case failure(Double)
        case ignored
    }

    /// A call that was sent to a target.
    struct Ticket: Sendable, Hashable {
        /// Where the target was then.
        var slot: Int
        var id: UInt64
    }

    /// The decisions of a load balancer; no clock, lock, task or callback. Times are nanoseconds of the clock.
    struct StateMachine: Sendable {
        private struct Node: Sendable {
            var id: UInt64
            var target: String
            var latency: PeakEWMA
            var inFlight = 0
        }

        private let policy: LoadBalancerPolicy
        private let penalty: Double
        private var nodes: [Node] = []
        private var nextID: UInt64 = 0
        private var chance: Chance
        private(set) var outliers: OutlierEjection
        /// What happened to targets and was not taken yet; kept only while somebody watches.
        private var happenings: [LoadBalancerEvent.Happening] = []
        /// Whether what happens to targets is kept.
        var isWatched = false {
            didSet { outliers.isWatched = isWatched }
        }

        init(_ policy: LoadBalancerPolicy, targets: [String], chance: Chance, at now: Int64 = 0) {
            self.policy = policy
            self.chance = chance
            penalty = max(0, policy.failurePenalty / .nanoseconds(1))
            let never = OutlierEjectionPolicy(consecutiveFailures: nil, deviations: nil)
            outliers = OutlierEjection(
                policy.outliers ?? never, targets: 0, chance: Chance(seed: self.chance.next()), at: now)
            update(targets, at: now)
        }

        var count: Int { nodes.count }

        func target(_ slot: Int) -> String { nodes[slot].target }
        func inFlight(_ slot: Int) -> Int { nodes[slot].inFlight }
        func latency(_ slot: Int, at now: Int64) -> Double { nodes[slot].latency.nanoseconds(at: now) }

        /// What one more call to a target is expected to cost: its latency times the calls that it would have. A latency
        /// that was forgotten counts as the least, so that the calls still tell targets apart.
        func cost(_ slot: Int, at now: Int64) -> Double {
            max(1, nodes[slot].latency.nanoseconds(at: now)) * Double(nodes[slot].inFlight + 1)
        }

        /// Chooses the cheaper of two targets that were drawn by chance; where all that may be chosen are left out, of
        /// those. A call to a target that failed lately may succeed, one that is not made cannot. (Envoy's panic rule.)
        ///
        /// Source: Mitzenmacher, "The power of two choices in randomized load balancing" (2001).
        mutating func pick(excluding excluded: [String], at now: Int64) -> Ticket? {
            outliers.advance(to: now)
            keepChanges()
            // Nearly always all may be chosen, and none has to be looked for.
            if excluded.isEmpty && outliers.ejected == 0 { return choose(nodes.count, from: nil, at: now) }
            var field = Field(excluded: excluded, hasEjected: false)
            if count(field) == 0 { field.hasEjected = true }
            return choose(count(field), from: field, at: now)
        }

        /// The targets that may be chosen.
        private struct Field {
            var excluded: [String]
            var hasEjected: Bool
        }

        private func contains(_ slot: Int, _ field: Field) -> Bool {
            (field.hasEjected || !outliers.isEjected(slot)) && !field.excluded.contains(nodes[slot].target)
        }

        private func count(_ field: Field) -> Int { nodes.indices.count { contains($0, field) } }

        private mutating func choose(_ candidates: Int, from field: Field?, at now: Int64) -> Ticket? {
            guard candidates > 0 else { return nil }
            let first = draw(candidates)
            var slot = slot(first, of: field)
            if candidates > 1 {
                // One of the others.
                let rival = self.slot((first + 1 + draw(candidates - 1)) % candidates, of: field)
                if cost(rival, at: now) < cost(slot, at: now) { slot = rival }
            }
            return start(slot)
        }

        /// The place of the candidate with a number.
        private func slot(_ number: Int, of field: Field?) -> Int {
            guard let field else { return number }
            var left = number
            for slot in nodes.indices where contains(slot, field) {
                if left == 0 { return slot }
                left -= 1
            }
            return 0
        }

        /// Sends a call to a target.
        mutating func start(_ slot: Int) -> Ticket {
            nodes[slot].inFlight += 1
            return Ticket(slot: slot, id: nodes[slot].id)
        }

        /// Ends a call. That of a target which is gone changes nothing.
        mutating func finish(_ ticket: Ticket, _ outcome: Outcome, at now: Int64) {
            var slot = ticket.slot
            if slot >= nodes.count || nodes[slot].id != ticket.id {
                guard let moved = nodes.firstIndex(where: { $0.id == ticket.id }) else { return }
                slot = moved
            }
            nodes[slot].inFlight = max(0, nodes[slot].inFlight - 1)
            switch outcome {
            case .success(let latency): nodes[slot].latency.observe(nanoseconds: latency, at: now)
            case .failure(let latency):
                nodes[slot].latency.observe(nanoseconds: max(latency, penalty), at: now)
            case .ignored: return
            }
            if case .failure = outcome {
                outliers.record(failed: true, of: slot, at: now)
            } else {
                outliers.record(failed: false, of: slot, at: now)
            }
            keepChanges()
        }

        /// Goes on with other targets; what is known of those that stay is kept. Repeated names count once.
        mutating func update(_ targets: [String], at now: Int64) {
            outliers.advance(to: now)
            keepChanges()
            var names: Set<String> = [], updated: [Node] = [], slots: [Int?] = []
            for target in targets where names.insert(target).inserted {
                let slot = nodes.firstIndex { $0.target == target }
                slots.append(slot)
                if let slot {
                    updated.append(nodes[slot])
                } else {
                    nextID &+= 1
                    let latency = PeakEWMA(initial: policy.unknownLatency, decay: policy.decay, at: now)
                    updated.append(Node(id: nextID, target: target, latency: latency))
                }
            }
            nodes = updated
            outliers.rearrange(slots)
            keepChanges()
        }

        /// What happened to targets since the last time.
        mutating func takeHappenings() -> [LoadBalancerEvent.Happening] {
            guard !happenings.isEmpty else { return [] }
            defer { happenings = [] }
            return happenings
        }

        /// Puts names to the slots of what happened, while they are the same.
        private mutating func keepChanges() {
            guard isWatched, !outliers.changes.isEmpty else { return }
            for change in outliers.takeChanges() {
                switch change {
                case .ejected(let slot, let time, let cause):
                    let time = Duration.nanoseconds(time)
                    happenings.append(.ejected(target: nodes[slot].target, for: time, because: cause))
                case .returned(let slot): happenings.append(.returned(target: nodes[slot].target))
                }
            }
        }

        /// A random number below `bound`, which is above 0.
        private mutating func draw(_ bound: Int) -> Int {
            Int(chance.next().multipliedFullWidth(by: UInt64(bound)).high)
        }
    }
}
