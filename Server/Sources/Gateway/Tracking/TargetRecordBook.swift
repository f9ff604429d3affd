import Resilience
import Routing

/// The records of all targets. A decision: no clock, lock or task. Moments are seconds since 1970.
///
/// Their number is bounded: a new target takes the place of the one that was heard of longest ago.
struct TargetRecordBook: Sendable {
    /// The most targets that are kept, since callers may choose the names of models.
    let capacity: Int
    var records: [TargetIdentity: TargetRecord] = [:]
    /// How often each route is asked, by the hour of the week.
    var routes: [String: QuotaForecast] = [:]

    init(capacity: Int) { self.capacity = max(1, capacity) }

    /// Notes a request to a route.
    mutating func note(requestTo route: String, at seconds: Double) {
        if routes.count < capacity || routes[route] != nil {
            routes[route, default: QuotaForecast()].note(1, at: seconds)
        }
    }

    /// Notes that a target was asked, and how that ended; nil if that says nothing of the target.
    ///
    /// - Parameter key: The label of its key.
    mutating func note(
        _ outcome: PerformanceTracker.Outcome?, of identity: TargetIdentity, key: String, isLong: Bool,
        at seconds: Double
    ) {
        change(identity, key, at: seconds) { record in
            record.heardAt = seconds
            record.demand.note(1, at: seconds)
            if let outcome { record.performance.note(outcome, isLong: isLong, at: seconds) }
        }
    }

    /// Notes what a user says of an answer; nothing if its target is forgotten.
    mutating func note(score: Double, of identity: TargetIdentity, isLong: Bool, at seconds: Double) {
        records[identity]?.performance.note(score: score, isLong: isLong, at: seconds)
    }

    /// Notes how a target is: what is learned of it, what is used of its quota, and the state of its breaker; from the
    /// opening of that until it closes, the target is ill. Nobody's place is taken for that.
    mutating func note(
        _ state: CircuitBreaker.State, _ learned: TargetEstimate.Snapshot?, _ quota: DailyQuota.Count?,
        of identity: TargetIdentity, key: String, at seconds: Double
    ) {
        guard records[identity] != nil || records.count < capacity else { return }
        change(identity, key, at: seconds) { record in
            record.note(state, at: seconds)
            (record.learned, record.quota) = (learned, quota)
        }
    }

    /// Notes the state of a target's breaker; nothing if the target is not known.
    mutating func note(_ state: CircuitBreaker.State, of identity: TargetIdentity, at seconds: Double) {
        records[identity]?.note(state, at: seconds)
    }

    /// Forgets targets and routes that no configuration names any more.
    mutating func keep(only identities: Set<TargetIdentity>, routes names: Set<String>) {
        records = records.filter { identities.contains($0.key) }
        routes = routes.filter { names.contains($0.key) }
    }

    /// Changes the record of a target, made if it is new.
    private mutating func change(
        _ identity: TargetIdentity, _ key: String, at seconds: Double,
        _ body: (inout TargetRecord) -> Void
    ) {
        Self.change(&records[identity, default: TargetRecord(target: identity.name, key: key, at: seconds)]) {
            $0.key = key
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

extension TargetRecord {
    fileprivate mutating func note(_ state: CircuitBreaker.State, at seconds: Double) {
        switch state {
        case .open: incidents.began(at: seconds)
        case .closed: incidents.ended(at: seconds)
        case .halfOpen, .isolated, .disabled: incidents.advance(to: seconds)
        @unknown default: incidents.advance(to: seconds)
        }
    }
}
