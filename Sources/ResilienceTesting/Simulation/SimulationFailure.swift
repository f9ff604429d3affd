/// Says what was wrong in a run, and how to see it again.
public struct SimulationFailure: Error, Sendable {
    /// What was wrong.
    @nonexhaustive
    public enum Reason: Error, Sendable {
        /// ``Simulation/expect(_:_:)`` did not hold.
        case broken(String)
        /// The body threw an error.
        case threw(any Error)
        /// Nobody could run and nobody slept, but these had not ended.
        case deadlock(unfinished: [String])
        /// There was no end after ``SimulationPolicy/maximumSteps``.
        case endless(unfinished: [String])
        /// The body had ended and these had not: calls and spawned work, and sleepers on the clock.
        case leaked([String], sleepers: Int)
        /// A job came from another thread, so the run does not repeat itself.
        case escaped
    }

    /// The seed that shows it again.
    public var seed: UInt64
    /// What was wrong.
    public var reason: Reason
    /// The steps until then.
    public var steps: Int
    /// The virtual time until then.
    public var time: Duration
    /// What was noted last.
    public var log: [String]
}

extension SimulationFailure: CustomStringConvertible {
    /// What was wrong, the seed, and what was noted last.
    public var description: String {
        let head = "seed \(seed): \(reason), after \(steps) steps at \(time)"
        let tail = "again with Simulation.run(seed: \(seed)) or \(SimulationSeeds.one)=\(seed)"
        return ([head] + log.map { "    " + $0 } + [tail]).joined(separator: "\n")
    }
}

extension SimulationFailure.Reason: CustomStringConvertible {
    /// One sentence.
    public var description: String {
        switch self {
        case .broken(let what): what
        case .threw(let error): "the body threw \(error)"
        case .deadlock(let names): "nobody can run and nobody sleeps; unfinished: \(Self.list(names))"
        case .endless(let names): "there is no end; unfinished: \(Self.list(names))"
        case .leaked(let names, let sleepers):
            "the body has ended, but not \(Self.list(names)); \(sleepers) sleep"
        case .escaped: "a job came from another thread: something runs outside of the simulation"
        }
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "nothing" : names.joined(separator: ", ")
    }
}
