public import Resilience

/// Orders the targets of a route for one request by a strategy that does not learn, and says why. A decision: no clock,
/// lock or task. ``AdaptiveSelection`` does so for those that learn.
public struct Ranker: Sendable {
    /// A target's place in the order.
    public struct Place: Sendable, Hashable {
        /// The target's index in the route.
        public var target: Int
        /// Why it stands there.
        public var reason: Reason
    }

    /// Why a target stands where it does.
    public enum Reason: Sendable, Hashable, CustomStringConvertible {
        /// Its place in the configuration, from 1.
        case priority(Int)
        /// Whose turn it is, and the number of targets.
        case turn(offset: Int, of: Int)
        /// Drawn with this weight out of the sum of those that were left.
        case drawn(weight: Int, of: Int)
        /// What was learned of it.
        case learned(AdaptiveSelection.Standing)

        /// The reason in words.
        public var description: String {
            switch self {
            case .priority(let place): "priority \(place)"
            case .turn(let offset, let count):
                offset == 0 ? "its turn among \(count)" : "\(offset) behind the one whose turn it is"
            case .drawn(let weight, let sum): "drawn with weight \(weight) of \(sum)"
            case .learned(let standing): standing.description
            }
        }
    }

    private let strategy: Strategy
    private let weights: [Int]
    private var turn = 0

    /// Creates a ranker.
    ///
    /// - Parameter weights: One for each target, 0 or more; used by ``Strategy/weighted`` only. A target of weight 0
    ///   comes after all others.
    public init(_ strategy: Strategy, weights: [Int]) {
        self.strategy = strategy
        self.weights = weights.map { min(max(0, $0), 1_000_000) }
    }

    /// The targets in the order in which they are to be tried. Takes time in proportion to their number, squared for
    /// ``Strategy/weighted``.
    public mutating func rank(_ chance: inout Chance) -> [Place] {
        switch strategy {
        // Those that learn have an AdaptiveSelection, which ranks in this one's place.
        case .priority, .adaptive, .leastLatency, .cheapest, .thompson, .upperBound:
            return weights.indices.map { Place(target: $0, reason: .priority($0 + 1)) }
        case .roundRobin:
            let count = weights.count, first = turn
            turn = count == 0 ? 0 : (turn + 1) % count
            return (0..<count).map {
                Place(target: (first + $0) % count, reason: .turn(offset: $0, of: count))
            }
        case .weighted: return draw(&chance)
        }
    }

    private func draw(_ chance: inout Chance) -> [Place] {
        var left = Array(weights.indices), places: [Place] = []
        places.reserveCapacity(left.count)
        while !left.isEmpty {
            let sum = left.reduce(0) { $0 + weights[$1] }
            var ticket = sum == 0 ? 0 : Int(chance.next() % UInt64(sum))
            let drawn =
                left.firstIndex { index in
                    ticket -= weights[index]
                    return ticket < 0
                } ?? 0
            let target = left.remove(at: drawn)
            places.append(Place(target: target, reason: .drawn(weight: weights[target], of: sum)))
        }
        return places
    }
}
