/// One layer of a pipeline, by name and kind.
public struct PipelineLayer: Sendable, Hashable {
    /// The kinds of layers whose order matters.
    @nonexhaustive
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Serves something else when all inside has failed.
        case fallback
        /// Answers without a call.
        case cache
        /// Makes the call again.
        case retry
        /// Makes the call more than once at a time.
        case hedging
        /// Keeps calls away from what fails.
        case circuitBreaker
        /// Keeps calls within a rate.
        case rateLimit
        /// Keeps calls within a number at a time.
        case bulkhead
    }

    /// The strategy's name.
    public var name: String
    /// Its kind; nil if it may stand anywhere.
    public var kind: Kind?

    /// Describes a layer.
    public init(_ name: String, _ kind: Kind?) {
        self.name = name
        self.kind = kind
    }

    /// What is odd about layers in this order, the outermost first: one sentence each.
    static func warnings(_ layers: [PipelineLayer]) -> [String] {
        layers.indices.flatMap { outer in
            layers.indices.dropFirst(outer + 1).compactMap { warning(layers[outer], outside: layers[$0]) }
        }
    }

    private static func warning(_ outer: PipelineLayer, outside inner: PipelineLayer) -> String? {
        guard let left = outer.kind, let right = inner.kind, let words = oddities[Pair(left, right)] else {
            return nil
        }
        return "\(outer.name) (\(left.rawValue)) is outside \(inner.name) (\(right.rawValue)): \(words)"
    }

    private struct Pair: Hashable {
        let outer: Kind, inner: Kind

        init(_ outer: Kind, _ inner: Kind) { (self.outer, self.inner) = (outer, inner) }
    }

    private static let oddities: [Pair: String] = [
        Pair(.circuitBreaker, .retry): "all attempts of a call count as one result",
        Pair(.circuitBreaker, .hedging): "all attempts of a call count as one result",
        Pair(.circuitBreaker, .fallback): "what the fallback serves counts as a success",
        Pair(.retry, .fallback): "what the fallback serves is never tried again",
        Pair(.retry, .cache): "each attempt asks the cache",
        Pair(.retry, .retry): "the numbers of their attempts multiply",
        Pair(.hedging, .retry): "each hedge makes its own retries",
        Pair(.hedging, .hedging): "the numbers of their attempts multiply",
        Pair(.hedging, .cache): "each attempt asks the cache",
        Pair(.bulkhead, .retry): "a call keeps its place while it waits for its next attempt",
        Pair(.bulkhead, .cache): "what the cache knows needs a place",
        Pair(.rateLimit, .retry): "retries are not counted",
        Pair(.rateLimit, .hedging): "hedges are not counted",
        Pair(.rateLimit, .cache): "what the cache knows is counted",
        Pair(.circuitBreaker, .cache):
            "what the cache knows counts as a success, and is kept away when the breaker is open",
        Pair(.cache, .fallback): "what the fallback serves is kept as an answer",
    ]
}
