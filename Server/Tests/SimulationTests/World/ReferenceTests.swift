import Foundation
import Testing

@testable import Simulation

/// Worlds compared with figures of the format's reference, which `Reference/dump.py` wrote down and describes.
@Suite struct ReferenceTests {
    struct Run: Decodable, Sendable, CustomTestStringConvertible {
        var scenario: String
        var seed: UInt64
        var arrivals: Int
        /// Index, arrival, input, output, estimate and whether it is bad, of the first three and the last two requests.
        var requests: [[Double]]
        /// The attempts of each kind, in the order of ``kind(_:)``.
        var counts: [Int]
        /// The sums of ``figures(_:)`` over all attempts.
        var sums: [Double]
        /// The kind and the figures of every 200th attempt; -1 for what is infinite.
        var samples: [[Double]]

        var testDescription: String { "\(scenario) with seed \(seed)" }
    }

    static func runs(_ name: String) throws -> [Run] {
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "json"))
        return try JSONDecoder().decode([Run].self, from: Data(contentsOf: url))
    }

    @Test(arguments: [("stress", 36), ("adversarial", 24)])
    func `every scenario is that of the reference`(name: String, count: Int) throws {
        let file = try Worlds.file(name), runs = try Self.runs(name)
        #expect(runs.count == count && count == 2 * file.scenarios.count)
        for run in runs {
            let scenario = try #require(file.scenario(named: run.scenario))
            var world = World(scenario, in: file, seed: run.seed)
            #expect(world.requests.count == run.arrivals, "\(run.testDescription)")
            let shown = (world.requests.prefix(3) + world.requests.suffix(2)).map(Self.fields)
            #expect(Self.areClose(shown, run.requests), "\(run.testDescription): \(shown)")
            let made = Self.schedule(&world)
            #expect(made.counts == run.counts, "\(run.testDescription)")
            #expect(Self.areClose([made.sums], [run.sums]), "\(run.testDescription): \(made.sums)")
            #expect(Self.areClose(made.samples, run.samples), "\(run.testDescription)")
        }
    }

    /// The schedule of attempts that `dump.py` describes.
    private static func schedule(
        _ world: inout World
    ) -> (counts: [Int], sums: [Double], samples: [[Double]]) {
        var counts = Array(repeating: 0, count: 6), sums = Array(repeating: 0.0, count: 4)
        var samples: [[Double]] = [], number = 0
        for request in world.requests {
            let provider = request.index % world.sites.count
            world.sites[provider].inFlight = 7 * request.index % 64
            for _ in 0..<(request.index % 5 == 0 ? 2 : 1) {
                let attempt = world.attempt(of: request.index, at: provider, time: request.arrival)
                let kind = kind(attempt.outcome), figures = figures(attempt)
                counts[kind] += 1
                for (index, figure) in figures.enumerated() where figure.isFinite { sums[index] += figure }
                if number.isMultiple(of: 200) {
                    samples.append([Double(kind)] + figures.map { $0.isFinite ? $0 : -1 })
                }
                number += 1
            }
        }
        return (counts, sums, samples)
    }

    private static func fields(_ request: World.Request) -> [Double] {
        [
            Double(request.index), request.arrival, Double(request.input), Double(request.output),
            request.estimate, request.isBad ? 1 : 0,
        ]
    }

    private static func kind(_ outcome: World.Outcome) -> Int {
        switch outcome {
        case .rejected: 0
        case .serverError: 1
        case .hang: 2
        case .badRequest: 3
        case .answer(_, _, isValid: true): 4
        case .answer(_, _, isValid: false): 5
        }
    }

    /// Seconds until the end and until the first token, seconds to wait, and the share of the burst that is left.
    private static func figures(_ attempt: World.Attempt) -> [Double] {
        var wait = 0.0
        if case .rejected(let retryAfter) = attempt.outcome { wait = retryAfter }
        return [attempt.outcome.total, attempt.outcome.firstToken, wait, attempt.remainingShare]
    }

    /// Whether all numbers are equal to a relative 1e-9.
    private static func areClose(_ one: [[Double]], _ other: [[Double]]) -> Bool {
        one.map(\.count) == other.map(\.count)
            && zip(one.joined(), other.joined()).allSatisfy {
                abs($0 - $1) <= 1e-9 * max(abs($0), abs($1))
            }
    }
}
