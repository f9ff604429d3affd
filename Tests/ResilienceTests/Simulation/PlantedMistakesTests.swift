import ResilienceTesting
import Testing

/// Whether a simulation finds what it is for.
@Suite struct PlantedMistakesTests {
    /// The seeds within which each mistake must show.
    private static let bound: UInt64 = 300

    private static func failure(_ planted: Planted, isBroken: Bool, seed: UInt64) -> SimulationFailure? {
        do throws(SimulationFailure) {
            try Simulation.run(seed: seed, planted.body(isBroken: isBroken))
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: Planted.allCases)
    func `a planted mistake shows within a few hundred seeds, and with its seed every time`(
        planted: Planted
    ) throws {
        let first = try #require(
            (1...Self.bound).lazy.compactMap { Self.failure(planted, isBroken: true, seed: $0) }.first)
        let again = try #require(Self.failure(planted, isBroken: true, seed: first.seed))
        #expect(again.description == first.description)
    }

    @Test(arguments: Planted.allCases)
    func `without its mistake the same primitive passes`(planted: Planted) {
        for seed in 1...Self.bound {
            let failure = Self.failure(planted, isBroken: false, seed: seed)
            #expect(failure == nil, "\(planted.rawValue): \(String(describing: failure))")
        }
    }
}
