import Generation
import Resilience
import Routing

/// A strategy that ranks the requests of a route beside the route's own one, and decides a share of them.
public struct Shadow: Sendable {
    /// The same route under the other strategy, which must learn.
    let route: Route
    /// The share of requests that it decides. Range: 0 to 1.
    let share: Double
    private let own, shadow: GatewayMetrics.PerShadow

    /// Creates a shadow that counts with `metrics`.
    ///
    /// - Parameters:
    ///   - route: The same route under the other strategy.
    ///   - share: The share of requests that it decides. Range: 0 to 1.
    public init(_ route: Route, share: Double, metrics: GatewayMetrics) {
        self.route = route
        self.share = share
        own = metrics.shadow(route.settings.name, decidedBy: "own")
        shadow = metrics.shadow(route.settings.name, decidedBy: "shadow")
    }

    /// Where its sessions are, which must be those of the route that it ranks beside; nil if they are not kept.
    public var sessions: SessionTable? { route.sessions }

    func meters(isRolledOut: Bool) -> GatewayMetrics.PerShadow { isRolledOut ? shadow : own }

    /// Whether the shadow decides what has this number. Whatever it decides for one share it decides for larger ones.
    static func decides(_ number: UInt64, share: Double) -> Bool {
        // The mixing of SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
        var mixed = number &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return Double(mixed >> 11) * 0x1p-53 < share
    }
}

extension RequestID {
    /// A number that is the same for the same identity (FNV-1a).
    var number: UInt64 {
        description.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

extension Route {
    /// Who decides a request, and what the one that does not would have done.
    func decider(
        of request: GenerationRequest, _ terms: Terms, arrivedAt: Instant, deadline: Instant
    ) -> (route: Route, opinion: SecondOpinion?) {
        guard let shadow else { return (self, nil) }
        let isRolledOut = Shadow.decides(terms.session?.number ?? request.id.number, share: shadow.share)
        let decider = isRolledOut ? shadow.route : self, other = isRolledOut ? self : shadow.route
        return (
            decider,
            SecondOpinion(
                shadow: shadow, isRolledOut: isRolledOut, strategy: other.settings.selection.strategy,
                first: other.first(for: request, terms, arrivedAt: arrivedAt, deadline: deadline),
                expectations: shadow.route.expectations(
                    of: request, terms, until: deadline, at: arrivedAt))
        )
    }

    /// The candidate that would be asked first, by its index; nil if nobody could be asked at once.
    private func first(
        for request: GenerationRequest, _ terms: Terms, arrivedAt: Instant, deadline: Instant
    ) -> Int? {
        guard let selector else {
            // A turn is taken, as it would be.
            let places = plan().places.prefix(terms.fallsBack ? Int.max : 1)
            return places.lazy.flatMap { place in
                self.candidates.indices.filter { self.candidates[$0].target == place.target }
            }.first { index in
                let candidate = self.candidates[index]
                let health = self.settings.targets[candidate.target].health[candidate.credential]
                return health.cooling(at: arrivedAt) == nil && health.breaker.readiness != .rejecting
            }
        }
        let time = deadline.since(arrivedAt).inSeconds
        let situation = AdaptiveSelection.Situation(
            timeLeft: time, time: time, attempts: 0, failures: 0,
            maximumAttempts: settings.attempts.retry.maximumAttempts)
        return selector.preview(for: RequestShape(request), situation, weights: terms.weights, at: arrivedAt)
            .order.first?.candidate
    }

    /// What is expected of each candidate, without the noise by which strategies explore.
    private func expectations(
        of request: GenerationRequest, _ terms: Terms, until deadline: Instant, at now: Instant
    ) -> [SecondOpinion.Expectation] {
        let shape = RequestShape(request), seconds = now.seconds
        return candidates.map { candidate in
            let target = settings.targets[candidate.target]
            var noise: Chance?
            let assessment = target.health[candidate.credential].assess(
                shape, target.facts, terms.weights, timeLeft: deadline.since(now).inSeconds,
                chance: &noise, at: seconds)
            return SecondOpinion.Expectation(
                target: target.name, key: target.health[candidate.credential].credential,
                seconds: assessment.time, dollars: assessment.dollars, success: assessment.success)
        }
    }
}
