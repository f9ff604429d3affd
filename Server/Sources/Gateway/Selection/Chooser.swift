import Generation
import NIOCore
import Resilience
import Routing

/// Makes the plans of one request on a route whose strategy learns.
struct Chooser: Sendable {
    let selector: AdaptiveSelector
    let shape: RequestShape
    let weights: AdaptiveWeights
    let arrivedAt: Instant
    let deadline: Instant
    let maximumAttempts: Int
    /// All candidates, if only those of the first target that is asked may be; nil if all may.
    let stayingAmong: [Candidate]?
    /// Runs attempts beside each other; nil if none are to be.
    let hedge: Hedge?
    /// Whether a target may be asked first only to learn how it is.
    let mayExplore: Bool

    /// The plan for what is left to be done, and where each candidate stands.
    func plan(
        attempts: Int, failures: Int, at now: Instant, timesAsked: (Int) -> Int
    ) -> AdaptiveSelector.Ranking {
        let situation = AdaptiveSelection.Situation(
            timeLeft: deadline.since(now).inSeconds, time: deadline.since(arrivedAt).inSeconds,
            attempts: attempts, failures: failures, maximumAttempts: maximumAttempts,
            mayExplore: mayExplore)
        return selector.plan(for: shape, situation, weights: weights, at: now, timesAsked: timesAsked)
    }

    /// Whom to ask beside the candidate of that index; nil for nobody.
    func hedge(beside index: Int, at now: Instant, timesAsked: (Int) -> Int) -> Plan? {
        selector.hedge(
            beside: index, for: shape, timeLeft: deadline.since(now), weights: weights, at: now,
            timesAsked: timesAsked)
    }

    /// `failure`, with the reasons why nobody could be asked if it has none.
    func explained(_ failure: GatewayFailure, at now: Instant) -> GatewayFailure {
        guard case .nobodyAvailable(let known, let wait) = failure else { return failure }
        let refusals = known.isEmpty ? selector.refusals(at: now) : known
        return .nobodyAvailable(refusals, retryAfter: wait ?? refusals.compactMap(\.wait).min())
    }

    /// The plan after so many attempts of which none has brought an answer.
    func plan(after attempts: Int, at now: Instant, timesAsked: (Int) -> Int) -> Plan {
        var plan = plan(attempts: attempts, failures: attempts, at: now, timesAsked: timesAsked).plan
        if let stayingAmong { stay(among: stayingAmong, &plan, timesAsked) }
        return plan
    }

    /// Leaves only the target that was asked, or that is to be asked first if none was.
    private func stay(
        among candidates: [Candidate], _ plan: inout Plan, _ timesAsked: (Int) -> Int
    ) {
        let asked = candidates.indices.first { timesAsked($0) > 0 }
        guard let one = asked ?? plan.order.first?.candidate else { return }
        plan.stay(at: candidates[one].target, of: candidates)
        // Standing by is for others to become well; whether this one is asked again its failures say.
        if asked != nil { plan.standBy = nil }
    }
}

extension RequestShape {
    /// The tokens in an answer for which the caller gives no limit, as long as nothing better is known.
    private static let usualOutput = 300.0

    /// What can be told of a request without reading it: four bytes of a prompt are about a token.
    init(_ request: GenerationRequest) {
        let most = request.maximumTokens.map(Double.init) ?? .infinity
        self.init(
            input: Double(request.body.readableBytes) / 4,
            output: Double(request.choices) * min(most, Self.usualOutput))
    }
}
