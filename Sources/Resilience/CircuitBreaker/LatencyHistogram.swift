/// How often calls took how long, in buckets of an eighth of an octave from 16 µs to 18 minutes; what is shorter or
/// longer counts in the first or last. Adding takes constant time and allocates nothing.
struct LatencyHistogram: Sendable, Hashable {
    private static let lowest = 14, octaves = 26, perOctave = 8
    private static let buckets = octaves * perOctave

    private var counts = [Float](repeating: 0, count: buckets)
    /// The weight of all calls.
    private(set) var total: Double = 0

    /// Counts one call.
    mutating func add(_ duration: Duration) {
        counts[Self.bucket(of: duration)] += 1
        total += 1
    }

    /// Counts again what `other` counted, after all that was counted before has lost some of its weight.
    mutating func absorb(_ other: LatencyHistogram, keeping share: Double) {
        total = 0
        for index in counts.indices {
            counts[index] = counts[index] * Float(share) + other.counts[index]
            total += Double(counts[index])
        }
    }

    /// Forgets everything.
    mutating func clear() {
        for index in counts.indices { counts[index] = 0 }
        total = 0
    }

    /// The time that the given share of the calls stays within; nil if there are none.
    func quantile(_ share: Double) -> Duration? {
        guard total > 0 else { return nil }
        var left = min(max(share, 0), 1) * total
        for (index, count) in counts.enumerated() where count > 0 {
            let weight = Double(count)
            if left <= weight {
                let from = Self.begin(of: index), to = Self.begin(of: index + 1)
                return .nanoseconds(from) + .nanoseconds(Int64(Double(to - from) * max(0, left) / weight))
            }
            left -= weight
        }
        return .nanoseconds(Self.begin(of: Self.buckets))
    }

    private static func bucket(of duration: Duration) -> Int {
        let nanoseconds = UInt64(max(1, duration.wholeNanoseconds))
        let exponent = 63 - nanoseconds.leadingZeroBitCount
        guard exponent >= lowest else { return 0 }
        let part = Int(nanoseconds >> UInt64(exponent - 3)) & (perOctave - 1)
        return min((exponent - lowest) * perOctave + part, buckets - 1)
    }

    /// Where a bucket begins, in nanoseconds.
    private static func begin(of bucket: Int) -> Int64 {
        Int64(perOctave + bucket % perOctave) << Int64(lowest - 3 + bucket / perOctave)
    }

    // MARK: Memory

    /// The weights of the buckets, without the empty ones at the end.
    var weights: [Float] {
        counts.lastIndex { $0 > 0 }.map { Array(counts[...$0]) } ?? []
    }

    /// Takes weights over; what cannot be a weight counts as none.
    init(weights: [Float] = []) {
        for (index, weight) in weights.prefix(Self.buckets).enumerated() where weight > 0 && weight < 1e15 {
            counts[index] = weight
            total += Double(weight)
        }
    }
}
