/// What a batcher shows of itself.
///
/// Counts are since its beginning. ``meanSize``, ``fill``, ``itemsPerSecond`` and ``violations`` are of the recent past:
/// each batch or call weighs 5 % less than the next.
public struct BatcherSnapshot: Sendable, Hashable {
    /// The items that wait.
    public var queued: Int
    /// What they weigh together; zero without a bound on weight.
    public var queuedWeight: Int
    /// The batches that run.
    public var running: Int

    /// The items that were taken, merged ones included.
    public var accepted: Int
    /// The items that were merged with an equal one that waited, and so not sent themselves. They count as answered, failed,
    /// cancelled or expired like others.
    public var merged: Int
    /// The items that were not taken.
    public var rejected: Int
    /// The items that were answered.
    public var answered: Int
    /// The items that got an error from the work.
    public var failed: Int
    /// The items whose callers were cancelled first.
    public var cancelled: Int
    /// The items whose deadlines passed first.
    public var expired: Int
    /// The batches that were begun, parts of split ones not counted.
    public var batches: Int
    /// How often a failed batch or part of one was halved.
    public var splits: Int

    /// The mean number of items in a batch; zero before the first.
    public var meanSize: Double
    /// The mean size as a share of the largest. Range: 0 to 1.
    public var fill: Double
    /// The items answered per second that the work ran, of one batch at a time. Zero before the first.
    public var itemsPerSecond: Double
    /// The share of calls that took longer than the target. Range: 0 to 1.
    public var violations: Double
    /// How near the batcher is to the best it could do. Range: 0 to 1.
    ///
    /// ``itemsPerSecond`` as a share of what the fitted latency predicts for the largest size whose 95th percentile is
    /// within the target, times the share of calls that kept the target. Zero before the first batch.
    public var efficiency: Double

    /// The most items that a batch takes now.
    public var size: Int
    /// The number of items at which a batch goes without waiting, now.
    public var aim: Int
    /// How long an item waits for others, now.
    public var linger: Duration
    /// How long a batch of ``size`` is predicted to take; nil before the first.
    public var predicted: Duration?
}

/// Counts what a batcher does.
struct BatchTally: Sendable {
    /// A mean of the recent past: each value weighs 5 % less than the next.
    private struct Recent: Sendable {
        var sum = 0.0, weight = 0.0

        var mean: Double { weight > 0 ? sum / weight : 0 }

        mutating func record(_ value: Double) {
            sum = sum * 0.95 + value
            weight = weight * 0.95 + 1
        }
    }

    var accepted = 0, merged = 0, rejected = 0, answered = 0, failed = 0, cancelled = 0, expired = 0,
        batches = 0,
        splits = 0
    private var size = Recent(), fill = Recent(), items = Recent(), targets = Recent(), violations = Recent()

    mutating func started(size: Int, of maximum: Int) {
        batches += 1
        self.size.record(Double(size))
        fill.record(Double(size) / Double(maximum))
    }

    mutating func called(size: Int, targets: Double) {
        items.record(Double(size))
        self.targets.record(targets)
        violations.record(targets > 1 ? 1 : 0)
    }

    mutating func settled(_ count: Int, _ outcome: BatchStateMachine.Outcome) {
        switch outcome {
        case .answered(let errors):
            let errors = min(max(0, errors), count)
            failed += errors
            answered += count - errors
        case .failed: failed += count
        }
    }

    func snapshot(
        _ policy: BatcherPolicy, _ plan: BatchPlan, _ latency: LatencyModel, queued: Int, weight: Int,
        running: Int
    ) -> BatcherSnapshot {
        // Items per target.
        let rate = targets.sum > 0 ? items.sum / targets.sum : 0
        let predicted =
            latency.isKnown ? policy.target.saturating(times: latency.mean(size: plan.limit)) : nil
        return BatcherSnapshot(
            queued: queued, queuedWeight: weight, running: running, accepted: accepted, merged: merged,
            rejected: rejected,
            answered: answered, failed: failed, cancelled: cancelled, expired: expired, batches: batches,
            splits: splits, meanSize: size.mean, fill: fill.mean,
            itemsPerSecond: rate / (policy.target / .seconds(1)), violations: violations.mean,
            efficiency: efficiency(rate, latency, most: policy.maximumSize), size: plan.limit, aim: plan.aim,
            linger: plan.linger, predicted: predicted)
    }

    private func efficiency(_ rate: Double, _ latency: LatencyModel, most: Int) -> Double {
        guard latency.isKnown, rate > 0 else { return 0 }
        let best = Int(min(max(1, latency.fittingSize), Double(most)))
        let time = latency.mean(size: best)
        // Without an estimate of the best there is nothing that it falls short of.
        let share = time > 0 ? min(1, rate * time / Double(best)) : 1
        return share * (1 - violations.mean)
    }
}
