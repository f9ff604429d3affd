public import Routing

/// What became of the requests to one target with one key, over time.
public struct TargetRecord: Sendable {
    /// The target as it is shown to people: provider and model.
    public let target: String
    /// The label of the key.
    public let key: String
    /// Success, times, cost and ratings in each window.
    public internal(set) var performance = PerformanceTracker()
    /// When it was last heard of, in seconds since 1970.
    var heardAt: Double

    init(target: String, key: String, at seconds: Double) {
        self.target = target
        self.key = key
        heardAt = seconds
    }
}

/// What one attempt says of its target.
struct TargetOutcome: Sendable {
    var identity: TargetIdentity
    /// The target and the label of its key, as they are shown to people.
    var target: String, key: String
    /// How it ended; nil if that says nothing of the target.
    var outcome: PerformanceTracker.Outcome?
}

/// The records of all targets. A decision: no clock, lock or task. Moments are seconds since 1970.
///
/// Their number is bounded: a new target takes the place of the one that was heard of longest ago.
struct TargetRecordBook: Sendable {
    /// The most targets that are kept, since callers may choose the names of models.
    private let capacity: Int
    private(set) var records: [TargetIdentity: TargetRecord] = [:]

    init(capacity: Int) { self.capacity = max(1, capacity) }

    /// Notes what a request's attempts say of their targets.
    mutating func note(_ outcomes: [TargetOutcome], isLong: Bool, at seconds: Double) {
        for outcome in outcomes {
            change(outcome.identity, outcome.target, outcome.key, at: seconds) { record in
                guard let outcome = outcome.outcome else { return }
                record.performance.note(outcome, isLong: isLong, at: seconds)
            }
        }
    }

    /// Notes what a user says of an answer; nothing if its target is forgotten.
    mutating func note(score: Double, of target: String, key: String, isLong: Bool, at seconds: Double) {
        let identity = records.first { $0.value.target == target && $0.value.key == key }?.key
        if let identity { records[identity]?.performance.note(score: score, isLong: isLong, at: seconds) }
    }

    /// Forgets targets that no configuration names any more.
    mutating func keep(only identities: Set<TargetIdentity>) {
        records = records.filter { identities.contains($0.key) }
    }

    /// Changes the record of a target, made if it is new.
    private mutating func change(
        _ identity: TargetIdentity, _ target: String, _ key: String, at seconds: Double,
        _ body: (inout TargetRecord) -> Void
    ) {
        Self.change(&records[identity, default: TargetRecord(target: target, key: key, at: seconds)]) {
            $0.heardAt = seconds
            body(&$0)
        }
        guard records.count > capacity else { return }
        let others = records.lazy.filter { $0.key != identity }
        if let oldest = others.min(by: { $0.value.heardAt < $1.value.heardAt }) { records[oldest.key] = nil }
    }

    private static func change(_ record: inout TargetRecord, _ body: (inout TargetRecord) -> Void) {
        body(&record)
    }
}
