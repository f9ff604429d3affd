/// How long a batch of a size takes: `T(b) = a + c·b`, by least squares that forget.
///
/// The sums of n, b, t, b² and b·t lose 5 % with each batch, so about the last twenty count. The relative error of the
/// prediction is followed by its mean square (weight 0.05). A batch that takes over 60 % longer than predicted shows
/// that the receiver has changed: the sums are cut to a fifth, and the next few batches decide. (The method of recursive
/// least squares with a forgetting factor; batching by a fitted line is Clipper's, NSDI 2017, which fits once.)
///
/// Times are in units of the target, which keeps the floors below the same for work of microseconds and of minutes.
struct LatencyModel: Sendable {
    /// The share of the old sums that each batch keeps.
    private static let memory = 0.95
    private var n = 0.0, sizes = 0.0, times = 0.0, squares = 0.0, products = 0.0
    /// The mean square of the relative error.
    private var variance = 0.02
    /// The time of an empty batch and the time that each item adds.
    private(set) var base = 0.0, perItem = 0.0

    /// Whether it has seen a batch.
    var isKnown: Bool { n > 0 }
    /// What a prediction is multiplied by so that 95 % of the batches are below.
    private var margin: Double { 1 + 1.65 * variance.squareRoot() }

    /// Learns that a batch of `size` items took `time` targets.
    mutating func record(size: Int, time: Double) {
        guard size > 0, time.isFinite, time >= 0 else { return }
        let size = Double(size), time = min(time, 1e9)
        forget(keeping: Self.memory)
        (n, sizes, times) = (n + 1, sizes + size, times + time)
        (squares, products) = (squares + size * size, products + size * time)
        fit()
        let error = time / max(1e-3, base + perItem * size) - 1
        variance = min(variance + 0.05 * (error * error - variance), 0.25)
        if error > 0.6 { forget(keeping: 0.2) }
    }

    private mutating func forget(keeping share: Double) {
        n *= share
        sizes *= share
        times *= share
        squares *= share
        products *= share
    }

    private mutating func fit() {
        let spread = n * squares - sizes * sizes
        // Without different sizes a line cannot be told from a ray through the origin, which is the careful guess.
        if spread > 1e-6 * n * n, n > 3 {
            perItem = (n * products - sizes * times) / spread
            base = (times - perItem * sizes) / n
        } else {
            perItem = products / max(1e-9, squares)
            base = 0
        }
        perItem = max(perItem, 1e-4)
    }

    /// The time, in targets, that a batch of `size` takes on average.
    func mean(size: Int) -> Double { max(0, base + perItem * Double(size)) }

    /// The time, in targets, below which 95 % of the batches of `size` are predicted to be.
    func upper(size: Int) -> Double { mean(size: size) * margin }

    /// The largest size of which 95 % are predicted to be within the target; it may be below 1 or above any bound.
    var fittingSize: Double { (1 / margin - base) / perItem }
}

/// The mean time between arrivals, exponentially weighted.
struct ArrivalRate: Sendable {
    private var last: Instant?
    /// The mean gap in seconds; nil before the second arrival.
    private(set) var gap: Double?

    /// Learns of one arrival.
    ///
    /// - Parameter longest: What a longer gap counts as, so that an hour of quiet is forgotten after a few items.
    mutating func record(at now: Instant, longest: Duration) {
        defer { last = now }
        guard let last else { return }
        let passed = max(0, min(now.since(last), longest) / .seconds(1))
        gap = gap.map { $0 + 0.1 * (passed - $0) } ?? passed
    }

    /// How many more are expected within `time`; nil when that is not known.
    func expected(within time: Duration) -> Double? {
        gap.map { $0 > 0 ? time / .seconds(1) / $0 : .infinity }
    }

    /// How long `count` arrivals are expected to take; nil when that is not known.
    func time(for count: Int) -> Duration? {
        gap.map { Duration.seconds(1).saturating(times: $0 * Double(max(0, count))) }
    }
}
