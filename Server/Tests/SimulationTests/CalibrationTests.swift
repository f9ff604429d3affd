import Foundation
import Generation
import Resilience
import Routing
import Testing

@testable import Simulation

/// Whether what is predicted of a target's success comes true as often as it says.
@Suite struct CalibrationTests {
    /// What was predicted for an attempt and what came.
    struct Forecast {
        var failure: Double
        var failed: Bool
    }

    final class Ledger { var forecasts: [Forecast] = [] }

    /// Asks each provider equally often, so that no choice hides what it would have met, and learns as the gateway does.
    struct Uniform: SimulatedPolicy {
        let maximumAttempts = 1
        let attemptLimit = 30.0
        let ledger: Ledger
        private var estimates: [TargetEstimate]
        private var chance: Chance
        private var running: [Int: (id: UInt64, failure: Double)] = [:]

        init(_ world: World, ledger: Ledger, seed: UInt64) {
            self.ledger = ledger
            chance = Chance(seed: seed)
            estimates = world.scenario.providers.map { provider in
                TargetEstimate(
                    limit: RateLimit(requestsPerSecond: provider.rateLimit, burst: provider.burst))
            }
        }

        mutating func plan(for request: SimulatedRequest, at time: Double, in world: World) -> Plan {
            var plan = Plan([])
            guard request.attempts == 0 else {
                plan.givesUp = true
                return plan
            }
            var choice = Plan.Choice(Int(chance.next() % UInt64(estimates.count)))
            choice.firstToken = .seconds(15)
            return Plan([choice])
        }

        mutating func began(_ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double) {
            var noise: Chance?
            let assessment = estimates[attempt.provider].assess(
                shape(request), TargetFacts(inputPrice: 0, outputPrice: 0, quality: 0), AdaptiveWeights(),
                timeLeft: 30, chance: &noise, at: time)
            running[attempt.id] = (estimates[attempt.provider].began(at: time), 1 - assessment.success)
        }

        mutating func receivedFirstToken(
            _ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double
        ) {
            guard let id = running[attempt.id]?.id else { return }
            estimates[attempt.provider].firstToken(of: id, after: time - attempt.began, at: time)
        }

        mutating func ended(
            _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult,
            at time: Double
        ) {
            guard let (id, failure) = running.removeValue(forKey: attempt.id) else { return }
            let outcome: TargetEstimate.Result
            switch result.kind {
            case .valid: outcome = .answered(perToken: nil)
            case .badRequest: outcome = .ignored
            case .rejected(let wait): outcome = .refused(retryAfter: wait)
            case .timedOut: outcome = .nothingCame(within: result.elapsed)
            case .invalid, .serverError, .outOfTime: outcome = .failed(after: result.elapsed)
            }
            estimates[attempt.provider].ended(id, outcome, of: shape(request), at: time)
            switch result.kind {
            case .badRequest, .rejected: break
            default: ledger.forecasts.append(Forecast(failure: failure, failed: result.kind != .valid))
            }
        }

        private func shape(_ request: SimulatedRequest) -> RequestShape {
            RequestShape(input: Double(request.request.input), output: request.request.estimate)
        }
    }

    @Test func `predicted failures come as often as they are predicted`() throws {
        let file = try Worlds.file("stress")
        let quiet: Set = ["s01_steady", "s12_surge", "s15_poison"], ledger = Ledger()
        for scenario in file.scenarios where scenario.name.hasPrefix("s") && !quiet.contains(scenario.name) {
            for seed: UInt64 in [2001, 2002] {
                let world = World(scenario, in: file, seed: seed)
                var play = Play(
                    world, Uniform(world, ledger: ledger, seed: seed), deadline: file.deadline, patience: 0)
                play.run { _ in }
            }
        }
        let forecasts = ledger.forecasts, count = Double(forecasts.count)
        let base = Double(forecasts.count { $0.failed }) / count
        let brier =
            forecasts.reduce(0) {
                $0 + ($1.failure - ($1.failed ? 1 : 0)) * ($1.failure - ($1.failed ? 1 : 0))
            } / count
        let skill = 1 - brier / (base * (1 - base))
        var bins = Array(repeating: (count: 0.0, said: 0.0, came: 0.0), count: 10)
        for forecast in forecasts {
            let bin = min(9, Int(forecast.failure * 10))
            bins[bin].count += 1
            bins[bin].said += forecast.failure
            bins[bin].came += forecast.failed ? 1 : 0
        }
        let error = bins.reduce(0) { $0 + abs($1.said - $1.came) } / count
        print(
            String(
                format:
                    "calibration: %d predictions, base rate %.3f, Brier skill %+.3f, calibration error %.4f",
                forecasts.count, base, skill, error))
        for bin in bins where bin.count > 50 {
            print(
                String(
                    format: "  said %.2f, came %.2f (%d)", bin.said / bin.count, bin.came / bin.count,
                    Int(bin.count)))
        }
        #expect(skill >= 0.33)
        #expect(error <= 0.02)
    }
}
