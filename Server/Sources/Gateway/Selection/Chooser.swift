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
    let stayingAmong: [Execution.Candidate]?
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

    /// Another candidate to ask beside the one of that index; nil if nobody else is to be asked.
    func hedge(_ machine: inout Execution.StateMachine, beside index: Int, at now: Instant) -> Execution.Ask?
    {
        let plan = selector.hedge(
            beside: index, for: shape, timeLeft: deadline.since(now), weights: weights, at: now
        ) { machine.timesAsked($0) }
        guard let plan else { return nil }
        machine.plan = plan
        return machine.hedge(at: now)
    }

    /// `failure`, with the reasons why nobody could be asked if it has none.
    func explained(_ failure: GatewayFailure, at now: Instant) -> GatewayFailure {
        guard case .nobodyAvailable(let known, let wait) = failure else { return failure }
        let refusals = known.isEmpty ? selector.refusals(at: now) : known
        return .nobodyAvailable(refusals, retryAfter: wait ?? refusals.compactMap(\.wait).min())
    }

    /// Gives `machine` a new plan, after an attempt has failed or the request has stood by.
    func replan(_ machine: inout Execution.StateMachine, at now: Instant) {
        var plan =
            plan(attempts: machine.attempts, failures: machine.attempts, at: now) { machine.timesAsked($0) }
            .plan
        if let stayingAmong { stay(among: stayingAmong, &plan, machine) }
        machine.plan = plan
    }

    /// Leaves only the target that was asked, or that is to be asked first if none was.
    private func stay(
        among candidates: [Execution.Candidate], _ plan: inout Plan, _ machine: Execution.StateMachine
    ) {
        let asked = candidates.indices.first { machine.timesAsked($0) > 0 }
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
