import Foundation
import Resilience

/// Finagle's and Linkerd's peak EWMA with two random choices: the one with the lower product of latency and attempts in
/// flight is asked. Five failures in a row give a pause of 5 s, which doubles up to 60 s (Finagle's failure accrual).
public struct TwoChoices: SimulatedPolicy, Baseline {
    /// Seconds in which a latency loses its weight.
    private static let memory = 10.0
    /// The load of a provider that was never measured, but has attempts in flight.
    private static let unknownLoad = 1e9

    let providers: KnownProviders
    var chance: Chance
    private var breakers: ConsecutiveFailures
    private var latencies: [Double]
    private var updated: [Double]
    private var pending: [Int]

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        breakers = ConsecutiveFailures(
            .init(threshold: 5, pause: 5, longestPause: 60, remembered: 4), providers: providers.count)
        latencies = Array(repeating: 0, count: providers.count)
        updated = latencies
        pending = Array(repeating: 0, count: providers.count)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        var admitted = candidates.only { breakers.admits($0, at: time) }
        guard let one = anyone(of: admitted) else { return nil }
        admitted.remove(one)
        guard let other = anyone(of: admitted) else { return one }
        return load(of: one, at: time) <= load(of: other, at: time) ? one : other
    }

    private mutating func load(of provider: Int, at time: Double) -> Double {
        latencies[provider] *= exp((updated[provider] - time) / Self.memory)
        updated[provider] = time
        let pending = Double(pending[provider])
        if latencies[provider] == 0, pending > 0 { return Self.unknownLoad + pending }
        return latencies[provider] * (pending + 1)
    }

    /// Counts it as in flight.
    public mutating func began(_ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double) {
        pending[attempt.provider] += 1
    }

    /// Updates the latency: at once if it is higher, else slowly.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        let provider = attempt.provider
        pending[provider] -= 1
        if result.elapsed > latencies[provider] {
            latencies[provider] = result.elapsed
        } else {
            let weight = exp((updated[provider] - time) / Self.memory)
            latencies[provider] = latencies[provider] * weight + result.elapsed * (1 - weight)
        }
        updated[provider] = time
        breakers.note(result.kind, at: provider, time: time)
    }

    /// Counts it as in flight no more.
    public mutating func cancelled(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, hadFirstToken: Bool, at time: Double
    ) {
        pending[attempt.provider] -= 1
    }
}
