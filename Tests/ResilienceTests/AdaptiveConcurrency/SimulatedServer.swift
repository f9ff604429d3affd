@testable import Resilience

/// A server that answers so many calls at once; more of them queue. All calls that the limit allows are made.
struct SimulatedServer {
    var machine: ConcurrencyLimiter.StateMachine
    var capacity: Double
    var base = 10e6
    var chance = Chance(seed: 7)
    /// The share by which latencies differ at random.
    var noise = 0.0
    var highest = 0

    mutating func serve(_ samples: Int) {
        for _ in 0..<samples {
            let running = machine.limit
            let noise = 1 + noise * (chance.unit() * 2 - 1)
            machine.sample(
                base * max(1, Double(running) / capacity) * noise, inFlight: running, dropped: false)
            highest = max(highest, machine.limit)
        }
    }

    static let algorithms: [ConcurrencyLimitPolicy.Algorithm] = [.aimd(), .vegas(), .gradient()]

    /// A limit to be tested.
    static func limit(
        _ algorithm: ConcurrencyLimitPolicy.Algorithm, initial: Int = 20, minimum: Int = 1,
        maximum: Int = 1000
    ) -> ConcurrencyLimiter.StateMachine {
        ConcurrencyLimiter.StateMachine(
            ConcurrencyLimitPolicy(algorithm, initial: initial, minimum: minimum, maximum: maximum),
            chance: Chance(seed: 1))
    }
}
