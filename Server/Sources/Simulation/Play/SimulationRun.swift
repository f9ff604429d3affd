public import Routing

/// One policy in one scenario with one seed.
public struct SimulationRun: Sendable {
    private let file: WorldFile
    private let scenario: WorldFile.Scenario
    private let seed: UInt64
    private let weights: AdaptiveWeights

    /// Creates a run.
    ///
    /// - Parameter weights: What the adaptive policy prefers; nil for what the world's file calls useful.
    public init(
        _ scenario: WorldFile.Scenario, of file: WorldFile, seed: UInt64, weights: AdaptiveWeights? = nil
    ) {
        self.scenario = scenario
        self.file = file
        self.seed = seed
        self.weights = weights ?? AdaptiveWeights(file.utility)
    }

    /// What the adaptive policy prefers in a world: what its file calls useful.
    public static func weights(of file: WorldFile) -> AdaptiveWeights { AdaptiveWeights(file.utility) }

    /// Plays it.
    ///
    /// - Parameter tell: Told of each request that has ended.
    /// - Returns: The figures, and how it fared in the course of time.
    public func play(_ policy: PolicyName, tell: ((RequestOutcome) -> Void)? = nil) -> (
        row: SimulationRow, timeline: SimulationTimeline
    ) {
        let world = policy.world(for: World(scenario, in: file, seed: seed))
        guard let other = policy.policy(in: world, utility: file.utility, seed: seed) else {
            let own = AdaptivePolicy(world, weights, deadline: file.deadline, seed: seed)
            return play(own, in: world, policy, tell)
        }
        return play(other, in: world, policy, tell)
    }

    private func play(
        _ policy: some SimulatedPolicy, in world: World, _ name: PolicyName,
        _ tell: ((RequestOutcome) -> Void)?
    ) -> (SimulationRow, SimulationTimeline) {
        var board = Scoreboard(scenario, file.utility, policy: name.rawValue)
        var play = Play(world, policy, deadline: file.deadline, patience: file.deadline)
        play.run { outcome in
            board.note(outcome)
            tell?(outcome)
        }
        return (board.row(policy: name.rawValue, scenario: scenario.name, seed: seed), board.timeline)
    }
}

extension AdaptiveWeights {
    /// The weights that a world's utility says.
    init(_ utility: WorldFile.Utility) {
        self.init()
        quality = utility.perQuality
        latency = utility.perSecond
        cost = utility.perDollar
        referenceQuality = utility.referenceQuality
        minimumQuality = utility.leastQuality
    }
}
