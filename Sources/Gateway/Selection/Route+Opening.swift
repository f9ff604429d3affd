import Generation
import Resilience
import Routing

extension Route {
    /// What a request begins with.
    struct Opening {
        /// Those who can be asked.
        var candidates: [Execution.Candidate]
        /// The order in which they are to be.
        var plan: Plan
        /// The same for the decision trail.
        var planned: [Decision.Planned]
        /// Makes new plans; nil if the strategy does not learn.
        var chooser: Chooser?
        /// Chance for the request's waits.
        var chance: Chance
    }

    /// Chooses the targets for a request.
    func open(
        _ request: GenerationRequest, arrivedAt: Instant, deadline: Instant, hedge: Hedge
    ) -> Opening {
        guard let selector else { return openInOrder() }
        let chooser = Chooser(
            selector: selector, shape: RequestShape(request), weights: settings.weights, arrivedAt: arrivedAt,
            deadline: deadline, maximumAttempts: settings.retry.maximumAttempts,
            hedge: settings.hedges && candidates.count > 1 ? hedge : nil)
        let (plan, standings) = chooser.plan(attempts: 0, failures: 0, at: arrivedAt) { _ in 0 }
        let ordered = plan.order.map(\.candidate)
        let others = standings.indices.filter { !ordered.contains($0) }
        return Opening(
            candidates: candidates, plan: plan,
            planned: (ordered + others).map {
                Decision.Planned(
                    target: settings.targets[candidates[$0].target].name, reason: .learned(standings[$0]))
            }, chooser: chooser, chance: self.chance)
    }

    private func openInOrder() -> Opening {
        let (places, chance) = plan()
        let candidates = places.flatMap { place in
            settings.targets[place.target].health.indices.map {
                Execution.Candidate(target: place.target, credential: $0)
            }
        }
        return Opening(
            candidates: candidates, plan: .inOrder(candidates.count),
            planned: places.map {
                Decision.Planned(target: settings.targets[$0.target].name, reason: $0.reason)
            },
            chooser: nil, chance: chance)
    }
}
