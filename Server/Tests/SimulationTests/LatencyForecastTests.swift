import Foundation
import Resilience
import Routing
import Testing

@testable import Simulation

/// Whether the next answer comes within the times that are foretold for it as often as they say.
@Suite struct LatencyForecastTests {
    /// How many answers came within what was said of them.
    struct Coverage {
        var count = 0.0, half = 0.0, nine = 0.0

        mutating func note(_ time: Double, _ forecast: LatencyForecast) {
            count += 1
            if time <= forecast.p50 { half += 1 }
            if time <= forecast.p90 { nine += 1 }
        }

        mutating func add(_ other: Coverage) {
            (count, half, nine) = (count + other.count, half + other.half, nine + other.nine)
        }

        var text: String {
            String(format: "p50 %.1f %%, p90 %.1f %% of %.0f", 100 * half / count, 100 * nine / count, count)
        }
    }

    final class Ledger {
        var first = Coverage(), whole = Coverage()
    }

    /// Asks each provider equally often, and foretells each answer before it is asked for, as `GET /targets` would.
    struct Uniform: SimulatedPolicy {
        let maximumAttempts = 1
        let attemptLimit = 60.0
        let ledger: Ledger
        private var estimates: [TargetEstimate]
        private var chance: Chance
        private var running: [Int: (id: UInt64, first: LatencyForecast?, whole: LatencyForecast?)] = [:]

        init(_ world: World, ledger: Ledger, seed: UInt64) {
            self.ledger = ledger
            chance = Chance(seed: seed)
            estimates = world.scenario.providers.map { _ in
                TargetEstimate()
            }
        }

        mutating func plan(for request: SimulatedRequest, at time: Double, in world: World) -> Plan {
            var plan = Plan([])
            guard request.attempts == 0 else {
                plan.givesUp = true
                return plan
            }
            var choice = Plan.Choice(Int(chance.next() % UInt64(estimates.count)))
            choice.firstToken = .seconds(30)
            return Plan([choice])
        }

        mutating func began(_ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double) {
            let estimate = estimates[attempt.provider]
            running[attempt.id] = (
                estimates[attempt.provider].began(at: time), estimate.firstTokenForecast(at: time),
                estimate.answerForecast(tokens: Double(request.request.output), at: time)
            )
        }

        mutating func receivedFirstToken(
            _ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double
        ) {
            guard let (id, first, _) = running[attempt.id] else { return }
            if let first { ledger.first.note(time - attempt.began, first) }
            estimates[attempt.provider].firstToken(of: id, after: time - attempt.began, at: time)
        }

        mutating func ended(
            _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult,
            at time: Double
        ) {
            guard let (id, _, whole) = running.removeValue(forKey: attempt.id) else { return }
            let shape = RequestShape(input: Double(request.request.input), output: request.request.estimate)
            switch result.kind {
            case .valid, .invalid:
                if let whole { ledger.whole.note(result.elapsed, whole) }
                let each = (result.elapsed - result.firstToken) / Double(max(1, request.request.output))
                estimates[attempt.provider].ended(
                    id, .answered(perToken: max(1e-4, each)), of: shape, at: time)
            case .timedOut:
                estimates[attempt.provider].ended(
                    id, .nothingCame(within: result.elapsed), of: shape, at: time)
            case .badRequest, .rejected: estimates[attempt.provider].ended(id, .ignored, of: shape, at: time)
            case .serverError, .outOfTime:
                estimates[attempt.provider].ended(
                    id, .failed(after: result.elapsed), of: shape, at: time)
            }
        }
    }

    @Test func `nine of ten answers come within what is foretold for nine of ten`() throws {
        let file = try Worlds.file("stress")
        var first = Coverage(), whole = Coverage()
        for scenario in file.scenarios where scenario.name.hasPrefix("s") {
            let ledger = Ledger()
            for seed: UInt64 in [2001, 2002] {
                let world = World(scenario, in: file, seed: seed)
                var play = Play(
                    world, Uniform(world, ledger: ledger, seed: seed), deadline: file.deadline, patience: 0)
                play.run { _ in }
            }
            print("latency, \(scenario.name): first token \(ledger.first.text); whole \(ledger.whole.text)")
            first.add(ledger.first)
            whole.add(ledger.whole)
        }
        print("latency, all: first token \(first.text); whole \(whole.text)")
        #expect(first.count > 100_000 && whole.count > 100_000)
        for coverage in [first, whole] {
            #expect((0.87...0.93).contains(coverage.nine / coverage.count))
            #expect((0.44...0.56).contains(coverage.half / coverage.count))
        }
    }

    @Test func `nothing is foretold of what was never seen`() {
        var estimate = TargetEstimate()
        #expect(estimate.firstTokenForecast(at: 5) == nil && estimate.answerForecast(tokens: 9, at: 5) == nil)
        let id = estimate.began(at: 5)
        estimate.firstToken(of: id, after: 0.5, at: 5)
        #expect(estimate.firstTokenForecast(at: 5) != nil && estimate.answerForecast(tokens: 9, at: 5) == nil)
        estimate.ended(id, .answered(perToken: 0.02), of: RequestShape(input: 1, output: 1), at: 6)
        #expect(estimate.answerForecast(tokens: 9, at: 5) != nil)
    }

    @Test func `the longer nothing was seen, and the more tokens, the wider or later it is`() throws {
        var estimate = TargetEstimate()
        for second in 0..<50 {
            let id = estimate.began(at: Double(second))
            estimate.firstToken(of: id, after: 0.5, at: Double(second))
            estimate.ended(
                id, .answered(perToken: 0.02), of: RequestShape(input: 1, output: 1), at: Double(second))
        }
        let soon = try #require(estimate.firstTokenForecast(at: 50))
        let late = try #require(estimate.firstTokenForecast(at: 3000))
        #expect(abs(soon.p50 - 0.5) < 0.01 && soon.p50 == late.p50 && late.p90 > soon.p90 * 1.1)
        let none = try #require(estimate.answerForecast(tokens: 0, at: 50))
        #expect(abs(none.p90 - soon.p90) < 1e-9)
        let long = try #require(estimate.answerForecast(tokens: 500, at: 50))
        #expect(abs(long.p50 - 10.5) < 0.5 && long.p90 > long.p50 * 1.02)
    }
}
