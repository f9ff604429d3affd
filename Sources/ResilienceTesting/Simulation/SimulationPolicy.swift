/// What a simulation does to the calls in it, and for how long.
///
/// Every run draws its own shares between zero and these, and each is zero in a quarter of the runs: runs with many
/// failures find other mistakes than runs with none. (A. Groce et al.: "Swarm Testing", ISSTA 2012.)
public struct SimulationPolicy: Sendable, Hashable {
    /// The steps after which a run counts as one that never ends. Range: 1 or more. Default: 100,000.
    public var maximumSteps = 100_000
    /// The largest share of steps at which time goes on to the next sleeper although somebody could run, as it does on
    /// a busy machine. Range: 0 to 1. Default: 0.1.
    public var late = 0.1
    /// The largest share of steps at which a call is cancelled. Range: 0 to 1. Default: 0.03.
    public var cancelled = 0.03
    /// The largest share of ``Simulation/hazard()`` that throws ``InjectedFailure``. Range: 0 to 1. Default: 0.5.
    public var failing = 0.5
    /// The largest share of ``Simulation/hazard()`` that takes no notice of cancellation while it waits. Range: 0 to 1.
    /// Default: 0.2.
    public var stubborn = 0.2
    /// The longest wait at a hazard. Waits are tenths of it, so that some end at the same moment. Range: 0
    /// or more. Default: 10 ms.
    public var longestDelay: Duration = .milliseconds(10)

    /// Creates the default policy.
    public init() {}

    /// Creates a policy that only draws the order of steps and injects nothing.
    public static var calm: SimulationPolicy {
        var policy = SimulationPolicy()
        (policy.late, policy.cancelled, policy.failing, policy.stubborn) = (0, 0, 0, 0)
        return policy
    }
}

/// What ``Simulation/hazard()`` throws.
public struct InjectedFailure: Error, Sendable, Hashable {
    /// Counts the failures of a run, from 1.
    public var number: Int

    /// Creates a failure.
    public init(number: Int) {
        self.number = number
    }
}
