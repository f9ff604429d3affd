import Resilience
import Routing

/// A policy that looks for one provider at a time, waits for nothing, never hedges and shortens no limit: what gateways
/// commonly do. It asks the good providers first, then the others, and gives up after three attempts.
protocol Baseline: SimulatedPolicy {
    associatedtype Luck: Drawing

    var providers: KnownProviders { get }
    var chance: Luck { get set }

    /// The provider to ask among some, of which there is at least one; nil if all of them are avoided now.
    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
}

extension Baseline {
    /// Three.
    public var maximumAttempts: Int { 3 }
    /// 30 s.
    public var attemptLimit: Double { 30 }

    /// The one provider that is picked now.
    public mutating func plan(for request: SimulatedRequest, at time: Double, in world: World) -> Plan {
        guard request.attempts < maximumAttempts, let provider = choose(for: request, at: time) else {
            var plan = Plan([])
            plan.givesUp = true
            return plan
        }
        var choice = Plan.Choice(provider)
        choice.isForced = request.hasFailed(at: provider)
        return Plan([choice])
    }

    private mutating func choose(for request: SimulatedRequest, at time: Double) -> Int? {
        let normal = providers.normal.untried(by: request)
        if !normal.isEmpty, let provider = pick(for: request, among: normal, at: time) { return provider }
        let low = providers.low.untried(by: request)
        if !low.isEmpty, let provider = pick(for: request, among: low, at: time) { return provider }
        // All are avoided or were tried: anyone.
        return anyone(of: !normal.isEmpty ? normal : !low.isEmpty ? low : providers.normal)
    }

    /// One of some providers, each with the same probability.
    mutating func anyone(of candidates: ProviderSet) -> Int? {
        candidates.isEmpty ? nil : candidates.at(chance.place(below: candidates.count))
    }
}

/// Random numbers that can draw a place.
protocol Drawing: Sendable {
    /// A number in 0 ..< count, each with the same probability.
    ///
    /// - Parameter count: Range: 1 or more.
    mutating func place(below count: Int) -> Int
}

extension Chance: Drawing {
    mutating func place(below count: Int) -> Int { min(count - 1, Int(unit() * Double(count))) }

    /// The random numbers of a policy in a world with this seed.
    init(policy seed: UInt64) { self.init(seed: seed &* 7919 &+ 13) }
}

extension SimulatedResult.Kind {
    /// Whether the provider has answered, well or not.
    var isAnswer: Bool { self == .valid || self == .invalid }
}
