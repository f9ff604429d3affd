import Generation
import Resilience
import Routing

extension Route {
    /// What a request begins with.
    struct Selection {
        /// Those who can be asked.
        var candidates: [Candidate]
        /// The order in which they are to be.
        var plan: Plan
        /// The same for the decision trail.
        var planned: [Decision.Planned]
        /// What chance began with when the plan was made; nil if the strategy does not learn.
        var seed: UInt64?
        /// How much less the target is worth that is asked first only to learn how it is; nil if none is.
        var regret: Double?
        /// What the request's session had to do with it.
        var session: Decision.Session?
        /// Makes new plans; nil if the strategy does not learn.
        var chooser: Chooser?
        /// Chance for the request's waits.
        var chance: Chance
        /// Why nobody is to be asked.
        var refusal: GatewayFailure?
    }

    /// Chooses the targets for a request.
    func select(
        _ request: GenerationRequest, _ terms: Terms, arrivedAt: Instant, deadline: Instant, hedge: Hedge
    ) -> Selection {
        guard let selector else { return selectInOrder(terms, at: arrivedAt) }
        let hedges = settings.selection.hedges && terms.fallsBack && candidates.count > 1
        let chooser = Chooser(
            selector: selector, shape: RequestShape(request), weights: terms.weights, arrivedAt: arrivedAt,
            deadline: deadline, maximumAttempts: settings.attempts.retry.maximumAttempts,
            stayingAmong: terms.fallsBack ? nil : candidates, hedge: hedges ? hedge : nil,
            // A session would stay with whom it is asked.
            mayExplore: hedges && terms.weights.explores && terms.session == nil
                && settings.selection.strategy == .adaptive)
        let ranking = chooser.plan(attempts: 0, failures: 0, at: arrivedAt) { _ in 0 }
        var plan = ranking.plan, standings = ranking.standings
        if let explored = plan.explored, !canBeHedged(explored, request, plan) {
            plan.order.removeFirst()
            standings[explored].isExplored = false
        }
        let target = sessionTarget(terms, at: arrivedAt)
        if let target { plan.putFirst(target, of: candidates, standings) }
        let ordered = plan.order.map(\.candidate)
        let others = standings.indices.filter { !ordered.contains($0) }
        let first = ordered.first.map { candidates[$0].target }
        if let first, !terms.fallsBack { plan.stay(at: first, of: candidates) }
        return Selection(
            candidates: candidates, plan: plan,
            planned: (ordered + others).map {
                Decision.Planned(
                    target: settings.targets[candidates[$0].target].name, reason: .learned(standings[$0]))
            }, seed: ranking.seed, regret: plan.regret(standings),
            session: session(terms, at: target, first: first), chooser: chooser, chance: self.chance,
            refusal: refusal(terms, standings))
    }

    /// Whether it is seen if the first target of a plan is slow to begin its answer, so that another one is asked beside it.
    private func canBeHedged(_ candidate: Int, _ request: GenerationRequest, _ plan: Plan) -> Bool {
        let place = candidates[candidate], health = settings.targets[place.target].health[place.credential]
        var limits = settings.attempts.limits
        if let own = plan.order.first?.firstToken { limits.firstToken = min(limits.firstToken, own) }
        return RequestMode.showsFirstToken(request, settings.attempts, limits, health.pace)
    }

    /// Why nobody is to be asked; nil if somebody may be.
    private func refusal(
        _ terms: Terms, _ standings: [AdaptiveSelection.Standing]
    ) -> GatewayFailure? {
        guard terms.weights.maximumCost.isFinite, standings.allSatisfy(\.isTooDear),
            let cheapest = standings.map(\.assessment.dollars).min()
        else { return nil }
        return .tooDear(
            cheapest: cheapest, limit: terms.weights.maximumCost, isCallersLimit: terms.isCostOfRequest)
    }

    /// The selection of a route that always asks its targets in the order of the configuration.
    static func inOrder(of settings: Settings, _ candidates: [Candidate]) -> Selection? {
        guard settings.selection.strategy == .priority else { return nil }
        var ranker = Ranker(.priority, weights: settings.targets.map(\.weight)), chance = Chance(seed: 0)
        return Selection(
            candidates: candidates, plan: .inOrder(candidates.count),
            planned: ranker.rank(&chance).map {
                Decision.Planned(target: settings.targets[$0.target].name, reason: $0.reason)
            }, chance: chance)
    }

    private func selectInOrder(_ terms: Terms, at now: Instant) -> Selection {
        if var selection = inOrder, terms.fallsBack, terms.session == nil {
            selection.chance = chance
            return selection
        }
        var (places, chance) = plan()
        let target = sessionTarget(terms, at: now)
        if let target, settings.targets[target].isReady(at: now),
            let place = places.firstIndex(where: { $0.target == target })
        {
            places.insert(places.remove(at: place), at: 0)
        }
        if !terms.fallsBack { places.removeLast(max(0, places.count - 1)) }
        let candidates = places.flatMap { place in
            settings.targets[place.target].health.indices.map {
                Candidate(target: place.target, credential: $0)
            }
        }
        return Selection(
            candidates: candidates, plan: .inOrder(candidates.count),
            planned: places.map {
                Decision.Planned(target: settings.targets[$0.target].name, reason: $0.reason)
            },
            session: session(terms, at: target, first: places.first?.target), chooser: nil, chance: chance)
    }
}

extension Plan {
    /// How much less the target is worth that is asked first only to learn how it is; nil if none is.
    fileprivate func regret(_ standings: [AdaptiveSelection.Standing]) -> Double? {
        guard let explored, order.count > 1 else { return nil }
        return standings[order[1].candidate].worth - standings[explored].worth
    }
}
