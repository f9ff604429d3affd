import Gateway
import Generation
import Resilience
import Routing

/// What one decision of adaptive selection costs, locks included, for 3, 6, 12 and 32 targets.
///
/// Half of the targets have attempts in flight; what is learned changes between decisions as it does in the gateway.
let time = TimeSource()
let limit = RateLimit(requestsPerSecond: 1e6, burst: 1e6)

func selector(_ count: Int) -> AdaptiveSelector {
    let registry = TargetRegistry(
        time: time, chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in })
    return AdaptiveSelector(
        (0..<count).map { index in
            let health = registry.health(
                of: TargetIdentity(provider: "p\(index)", location: "", model: "m", key: ""),
                label: "p\(index)",
                credential: "",
                settings: TargetRegistry.Settings(
                    breaker: .learned, bulkhead: nil, limit: limit))
            return AdaptiveSelector.Candidate(
                health,
                TargetFacts(
                    inputPrice: Double(index % 5 + 1) * 5e-7, outputPrice: Double(index % 5 + 1) * 2e-6,
                    quality: 8.5 + Double(index % 7) / 10, limit: limit))
        }, chance: Chance(seed: 2))
}

func lesson(_ health: TargetHealth, at now: Instant) throws -> Lesson {
    Lesson(health, shape, try health.breaker.admit(), selector: nil, candidate: 0, at: now)
}

var running: [Lesson] = []
let shape = RequestShape(input: 1000, output: 150)
let situation = AdaptiveSelector.Situation(
    timeLeft: 30, time: 30, attempts: 0, failures: 0, maximumAttempts: 5, mayExplore: true)

for count in [3, 6, 12, 32] {
    let selector = selector(count), rounds = 20_000
    for candidate in selector.candidates.prefix(count / 2) {
        for _ in 0..<10 { running.append(try lesson(candidate.health, at: time.now)) }
    }
    var times: [Duration] = []
    times.reserveCapacity(rounds)
    for round in 0..<rounds {
        let begin = time.now
        let plan = selector.plan(for: shape, situation, weights: AdaptiveWeights(), at: begin) { _ in 0 }.plan
        times.append(time.now.since(begin))
        let health = selector.candidates[plan.order.first?.candidate ?? 0].health
        try lesson(health, at: begin).answered(tokens: 100 + round % 50, at: begin.advanced(by: .seconds(2)))
    }
    times.sort()
    func shown(_ share: Double) -> String {
        let microseconds = times[Int(Double(rounds - 1) * share)] / .microseconds(1)
        return "\((microseconds * 100).rounded() / 100) us"
    }
    print("\(count) targets: p50 \(shown(0.5)), p99 \(shown(0.99)) (two readings of the clock included)")
}
