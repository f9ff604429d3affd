/// What a batcher knows of its work, whichever controller it has.
struct BatchLoad: Sendable {
    var latency = LatencyModel()
    var arrivals = ArrivalRate()
}

/// When a batch goes.
struct BatchPlan: Sendable, Hashable {
    /// The number of items at which it goes at once.
    var aim: Int
    /// The most items that it takes; above the aim where more have gathered behind running batches.
    var limit: Int
    /// How long its oldest item waits.
    var linger: Duration
}

/// Chooses size and linger; one for each ``BatcherPolicy/Sizing``.
protocol BatchController: Sendable {
    /// What holds now.
    func plan(_ load: BatchLoad) -> BatchPlan
    /// Learns from a call that `load` has already learned from.
    ///
    /// - Parameter time: How long it took, in targets; nil when the whole call failed, which says nothing about speed.
    mutating func finished(size: Int, time: Double?, _ load: BatchLoad)
}

extension BatchController {
    mutating func finished(size: Int, time: Double?, _ load: BatchLoad) {}
}

extension BatcherPolicy {
    /// The controller of the policy's sizing.
    var controller: any BatchController {
        switch sizing {
        case .fixed(let size): FixedBatches(size: min(max(1, size), maximumSize), linger: maximumLinger)
        case .timeBased: TimedBatches(limit: maximumSize, linger: maximumLinger)
        case .loadBased: LoadedBatches(limit: maximumSize, longest: maximumLinger)
        case .adaptive(let initial):
            AdaptiveBatches(initial: initial, maximum: maximumSize, longest: maximumLinger)
        case .hybrid(let initial):
            HybridBatches(
                size: AdaptiveBatches(initial: initial, maximum: maximumSize, longest: maximumLinger),
                load: LoadedBatches(limit: maximumSize, longest: maximumLinger))
        }
    }
}

/// One size, one linger.
struct FixedBatches: BatchController {
    let size: Int
    let linger: Duration

    func plan(_ load: BatchLoad) -> BatchPlan { BatchPlan(aim: size, limit: size, linger: linger) }
}

/// What has come when the time is up. A batch of the largest size goes before: it gains nothing by waiting.
struct TimedBatches: BatchController {
    let limit: Int
    let linger: Duration

    func plan(_ load: BatchLoad) -> BatchPlan { BatchPlan(aim: limit, limit: limit, linger: linger) }
}

/// As many as are expected within the longest linger.
struct LoadedBatches: BatchController {
    let limit: Int
    let longest: Duration

    func plan(_ load: BatchLoad) -> BatchPlan {
        guard let expected = load.arrivals.expected(within: longest) else {
            return BatchPlan(aim: limit, limit: limit, linger: longest)
        }
        let aim = 1 + Int(min(expected, Double(limit - 1)))
        return BatchPlan(aim: aim, limit: limit, linger: load.arrivals.linger(filling: aim, atMost: longest))
    }
}

/// The largest size of which 95 % are predicted to be within the target.
///
/// The size moves by at most a quarter with each batch, so that one odd batch cannot throw it far; it shrinks to 0.85 of
/// itself at once when a batch takes longer than the target or fails as a whole, whatever the model says; and every
/// seventh batch it steps 7 % down, since without different sizes no slope can be seen.
struct AdaptiveBatches: BatchController {
    private let maximum: Double
    private let longest: Duration
    private var size: Double
    private var batches = 0

    init(initial: Int, maximum: Int, longest: Duration) {
        self.maximum = Double(max(1, maximum))
        self.longest = longest
        size = min(Double(max(1, initial)), self.maximum)
    }

    func plan(_ load: BatchLoad) -> BatchPlan {
        let limit = Int(size)
        return BatchPlan(
            aim: limit, limit: limit, linger: load.arrivals.linger(filling: limit, atMost: longest))
    }

    mutating func finished(size batch: Int, time: Double?, _ load: BatchLoad) {
        batches &+= 1
        guard let time else { return size = max(1, size * 0.85) }
        let fitting = min(max(1, load.latency.fittingSize), maximum)
        if time > 1 {
            size = max(1, min(size * 0.85, fitting))
        } else if fitting < size {
            size += max(-0.25 * size, fitting - size)
        } else if Double(batch) * 2 >= size {
            // A batch that came nowhere near the size has not shown that the size is good.
            size += min(max(1, 0.25 * size), fitting - size)
        }
        if batches.isMultiple(of: 7) { size = max(1, size * 0.93) }
    }
}

/// The adaptive size, but no longer waited for than the load promises.
struct HybridBatches: BatchController {
    private var size: AdaptiveBatches
    private let load: LoadedBatches

    init(size: AdaptiveBatches, load: LoadedBatches) {
        self.size = size
        self.load = load
    }

    func plan(_ load: BatchLoad) -> BatchPlan {
        var plan = size.plan(load)
        plan.aim = min(plan.aim, self.load.plan(load).aim)
        plan.linger = min(
            plan.linger, load.arrivals.linger(filling: plan.aim, atMost: self.load.longest))
        return plan
    }

    mutating func finished(size batch: Int, time: Double?, _ load: BatchLoad) {
        size.finished(size: batch, time: time, load)
    }
}

extension ArrivalRate {
    /// How long the first of `size` items waits for the others at the present rate.
    func linger(filling size: Int, atMost longest: Duration) -> Duration {
        min(longest, time(for: size - 1) ?? longest)
    }
}
