import Resilience
import Routing

extension Route {
    /// The target that answered the request's session last and is still one of the route's; nil if there is none.
    func sessionTarget(_ terms: Terms, at now: Instant) -> Int? {
        guard let session = terms.session, let sessions, let sticky = settings.selection.sticky,
            let name = sessions.target(of: session, at: now, lifetime: sticky.lifetime)
        else { return nil }
        return settings.targets.firstIndex { $0.name == name }
    }

    /// What the decision trail says of the request's session.
    func session(_ terms: Terms, at target: Int?, first: Int?) -> Decision.Session? {
        guard terms.session != nil, let sticky = settings.selection.sticky else { return nil }
        return Decision.Session(
            by: sticky.identity.name, target: target.map { settings.targets[$0].name },
            isKept: target != nil && first == target)
    }

    /// Keeps the session at the target that has answered.
    func answered(_ session: StickySessions.Key, by decision: Decision, at now: Instant) {
        guard let sessions, let provider = decision.provider, let model = decision.model else {
            return
        }
        sessions.answered(session, by: "\(provider)/\(model)", at: now)
    }
}

extension Target {
    /// Whether any of its keys can be asked now.
    func isReady(at now: Instant) -> Bool {
        health.contains { $0.cooling(at: now) == nil && $0.breaker.readiness != .rejecting }
    }
}

extension Plan {
    /// Puts a target before the others if one of its candidates can be asked like any other and is not below the quality
    /// that is wanted.
    mutating func putFirst(
        _ target: Int, of candidates: [Candidate], _ standings: [AdaptiveSelection.Standing]
    ) {
        let place = order.firstIndex { candidates[$0.candidate].target == target }
        guard let place, place > 0 else { return }
        var choice = order[place]
        let standing = standings[choice.candidate]
        guard standing.gate == .open, !standing.isLow else { return }
        order.remove(at: place)
        // Only the first two of a plan have limits of their own.
        choice.firstTokenSeconds = min(choice.firstTokenSeconds, standing.assessment.firstTokenLimit)
        choice.hedgeAfterSeconds = min(choice.hedgeAfterSeconds, standing.assessment.hedgeAfter)
        order.insert(choice, at: 0)
    }

    /// Leaves only the candidates of a target.
    mutating func stay(at target: Int, of candidates: [Candidate]) {
        order.removeAll { candidates[$0.candidate].target != target }
    }
}
