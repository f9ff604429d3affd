import Foundation

extension World {
    /// How a provider does at a moment: its own figures with what incidents make of them.
    public struct Conditions: Sendable, Hashable {
        /// The share of attempts that end with a server's error. Range: 0 ... 1.
        public internal(set) var errorShare: Double
        /// The share of the others that never end. Range: 0 ... 1.
        public internal(set) var hangShare: Double
        /// What the time to the first token is multiplied by. Range: 0 ... ``World/mostMultiple``.
        public internal(set) var firstTokenMultiple = 1.0
        /// What the time for each output token is multiplied by. Range: 0 ... ``World/mostMultiple``.
        public internal(set) var tokenMultiple = 1.0
        /// What the rate limit is multiplied by. Range: 0 ... ``World/mostMultiple``.
        public internal(set) var limitMultiple = 1.0
        /// The share of answers that are invalid. Range: 0 ... 1.
        public internal(set) var invalidShare: Double
    }

    /// The most that incidents multiply anything by, together; so that nothing becomes infinite.
    public static let mostMultiple = 1e9

    /// What an incident does to one provider. Times are seconds.
    struct Strain: Sendable {
        let start, end: Double
        let shape: WorldFile.Incident.Shape
        let period, duty: Double
        let leastInput: Int
        let effect: WorldFile.Effect

        /// How strong it is at a moment between ``start`` and ``end``, or nil while it is off. Range: 0 ... 1.
        @inline(__always)
        func strength(at time: Double) -> Double? {
            switch shape {
            case .step: 1
            case .ramp: (time - start) / (end - start)
            case .flap: fmod(time - start, period) < duty * period ? 1 : nil
            }
        }
    }

    /// The conditions at a provider for a request with some input tokens. Takes time in proportion to the incidents
    /// there that began.
    ///
    /// - Parameter time: Seconds from the scenario's beginning.
    public func conditions(at provider: Int, time: Double, input: Int) -> Conditions {
        let site = sites[provider]
        var now = Conditions(
            errorShare: site.errorShare, hangShare: site.hangShare, invalidShare: site.invalidShare)
        // The same operations in the same order as in the format's reference, so that results are equal to the last bit.
        var answered = 1 - site.errorShare
        for index in site.strains {
            guard strains[index].start <= time else { break }
            guard time < strains[index].end, input >= strains[index].leastInput else { continue }
            guard let strength = strains[index].strength(at: time) else { continue }
            let effect = strains[index].effect
            answered *= 1 - strength * effect.errorShare
            now.hangShare = 1 - (1 - now.hangShare) * (1 - strength * effect.hangShare)
            now.firstTokenMultiple *= 1 + strength * (effect.firstTokenMultiple - 1)
            now.tokenMultiple *= 1 + strength * (effect.tokenMultiple - 1)
            now.limitMultiple *= 1 + strength * (effect.limitMultiple - 1)
            now.invalidShare = 1 - (1 - now.invalidShare) * (1 - strength * effect.invalidShare)
            now.bound()
        }
        now.errorShare = 1 - answered
        return now
    }
}

extension World.Conditions {
    @inline(__always)
    fileprivate mutating func bound() {
        firstTokenMultiple = min(firstTokenMultiple, World.mostMultiple)
        tokenMultiple = min(tokenMultiple, World.mostMultiple)
        limitMultiple = min(limitMultiple, World.mostMultiple)
    }
}

extension World.Strain {
    /// What incidents do to a provider, in the order in which their effects are combined, which matters to the last bit.
    static func all(of incidents: [WorldFile.Incident], at provider: Int) -> [World.Strain] {
        incidents.filter { $0.providers.contains(provider) }.map { incident in
            World.Strain(
                start: incident.start, end: incident.start + incident.duration, shape: incident.shape,
                period: incident.period, duty: incident.duty, leastInput: incident.leastInput,
                effect: incident.effect)
        }.sorted { $0.comes(before: $1) }
    }

    private func comes(before other: World.Strain) -> Bool {
        if start != other.start { return start < other.start }
        if end != other.end { return end < other.end }
        if shape != other.shape { return shape.rawValue < other.shape.rawValue }
        return figures.lexicographicallyPrecedes(other.figures)
    }

    private var figures: [Double] {
        [
            period, duty, effect.errorShare, effect.hangShare, effect.firstTokenMultiple,
            effect.tokenMultiple, effect.limitMultiple, effect.invalidShare, Double(leastInput),
        ]
    }
}
