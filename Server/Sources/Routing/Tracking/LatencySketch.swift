#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How long something took, in buckets each of which is a tenth wider than the one before: quantiles with a relative error
/// of at most 4.8 % (C. Masson, J. E. Rim, H. K. Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
/// relative-error guarantees", 2019).
///
/// It covers 5 ms to 16 minutes; what is outside counts as the nearer end. Unlike in the source, the buckets are a bounded
/// row that begins with the first one in use. Two sketches can be put together without a loss. At most 576 bytes.
public struct LatencySketch: Sendable, Hashable, Codable {
    /// The buckets that there may be.
    static let buckets = 128
    /// By how much a bucket's upper end is larger than its lower end.
    private static let growth = 1.1
    private static let logGrowth = log(growth)
    /// The lower end of the first bucket, in seconds.
    private static let shortest = 0.005
    /// How many buckets are added at once.
    private static let step = 8

    /// The number of the first bucket in ``counts``; a multiple of 8.
    private var first = 0
    private var counts: [UInt32] = []
    /// How many times were noted.
    public private(set) var count: UInt64 = 0

    /// Creates an empty sketch.
    public init() {}

    /// Notes a time in seconds; what is not a number is not noted.
    public mutating func note(_ seconds: Double) { note(bucket: Self.bucket(of: seconds)) }

    /// Notes a time by its bucket, for who notes it in several sketches.
    mutating func note(bucket: Int?) {
        if let bucket { add(1, to: bucket) }
    }

    /// Adds what another sketch has noted.
    public mutating func merge(_ other: LatencySketch) {
        guard !other.counts.isEmpty else { return }
        reach(other.first)
        reach(other.first + other.counts.count - 1)
        for (index, amount) in other.counts.enumerated() where amount > 0 {
            add(amount, to: other.first + index)
        }
    }

    /// The time that a share of all times is at most, in seconds; nil if none was noted.
    ///
    /// - Parameter share: Range: 0 to 1, such as 0.99.
    public func quantile(_ share: Double) -> Double? {
        guard count > 0 else { return nil }
        let rank = min(1, max(0, share)) * Double(count - 1)
        var below = 0.0
        for (index, amount) in counts.enumerated() where amount > 0 {
            below += Double(amount)
            if below > rank { return Self.middle(of: first + index) }
        }
        return nil
    }

    /// The bytes that its buckets take.
    var bytes: Int { counts.isEmpty ? 0 : counts.capacity * MemoryLayout<UInt32>.stride + 32 }

    private mutating func add(_ amount: UInt32, to bucket: Int) {
        reach(bucket)
        let (sum, overflow) = counts[bucket - first].addingReportingOverflow(amount)
        counts[bucket - first] = overflow ? .max : sum
        count &+= UInt64(overflow ? amount - (sum &+ 1) : amount)
    }

    /// Makes the row of buckets long enough.
    private mutating func reach(_ bucket: Int) {
        let block = bucket / Self.step * Self.step
        if counts.isEmpty { first = block }
        let low = min(first, block), high = max(first + counts.count, block + Self.step)
        guard high - low > counts.count else { return }
        var wider = [UInt32]()
        wider.reserveCapacity(high - low)
        wider.append(contentsOf: repeatElement(0, count: first - low))
        wider.append(contentsOf: counts)
        wider.append(contentsOf: repeatElement(0, count: high - low - wider.count))
        (first, counts) = (low, wider)
    }

    /// The bucket of a time; nil for what is not a number.
    static func bucket(of seconds: Double) -> Int? {
        guard seconds > shortest else { return seconds == seconds ? 0 : nil }
        return Int(min(Double(buckets - 1), log(seconds / shortest) / logGrowth))
    }

    /// The time whose relative distance to both ends of a bucket is the same.
    private static func middle(of bucket: Int) -> Double {
        shortest * pow(growth, Double(bucket)) * 2 * growth / (1 + growth)
    }

    private enum CodingKeys: String, CodingKey { case first, counts }

    /// Reads a sketch.
    ///
    /// - Throws: `DecodingError` if its buckets are not those of a sketch.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        first = try container.decode(Int.self, forKey: .first)
        counts = try container.decode([UInt32].self, forKey: .counts)
        guard (0..<Self.buckets).contains(first), first % Self.step == 0, counts.count % Self.step == 0,
            counts.count <= Self.buckets - first
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .counts, in: container, debugDescription: "not the buckets of a sketch")
        }
        count = counts.reduce(0) { $0 + UInt64($1) }
    }
}
