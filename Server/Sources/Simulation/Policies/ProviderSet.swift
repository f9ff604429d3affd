/// Some of a world's providers, in the order of their indices. At most 64; a world has at most 32.
struct ProviderSet: Sequence, Sendable, Hashable {
    struct Iterator: IteratorProtocol {
        fileprivate var bits: UInt64

        mutating func next() -> Int? {
            guard bits != 0 else { return nil }
            let provider = bits.trailingZeroBitCount
            bits &= bits - 1
            return provider
        }
    }

    private var bits: UInt64 = 0

    /// How many there are.
    var count: Int { bits.nonzeroBitCount }
    var isEmpty: Bool { bits == 0 }
    var first: Int? { isEmpty ? nil : bits.trailingZeroBitCount }

    func makeIterator() -> Iterator { Iterator(bits: bits) }

    mutating func insert(_ provider: Int) { bits |= 1 << UInt64(provider) }

    mutating func remove(_ provider: Int) { bits &= ~(1 << UInt64(provider)) }

    /// Those of them for which something holds.
    @inline(__always)
    func only(_ holds: (Int) -> Bool) -> ProviderSet {
        var rest = ProviderSet()
        for provider in self where holds(provider) { rest.insert(provider) }
        return rest
    }

    /// Those at which a request has not failed yet.
    func untried(by request: SimulatedRequest) -> ProviderSet { only { !request.hasFailed(at: $0) } }

    /// The one at a place, counted from 0; nil behind the end.
    func at(_ place: Int) -> Int? {
        var left = place
        for provider in self {
            if left == 0 { return provider }
            left -= 1
        }
        return nil
    }

    /// The one with the highest score, the first of equals; nil if there is none.
    @inline(__always)
    func best(_ score: (Int) -> Double) -> Int? {
        var best: Int?, highest = 0.0
        for provider in self {
            let value = score(provider)
            if best == nil || value > highest { (best, highest) = (provider, value) }
        }
        return best
    }

    /// The one that a ticket hits if each has as many tickets as its weight; nil if there is none.
    ///
    /// - Parameter ticket: Range: 0 ..< 1.
    @inline(__always)
    func drawn(by ticket: Double, weight: (Int) -> Double) -> Int? {
        var sum = 0.0, last: Int?
        for provider in self { sum += weight(provider) }
        var left = ticket * sum
        for provider in self {
            last = provider
            left -= weight(provider)
            if left < 0 { return provider }
        }
        return last
    }
}
