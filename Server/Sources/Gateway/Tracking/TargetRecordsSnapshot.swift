import Routing

/// What is known of targets and routes, as it is written to a file. There is no prompt, answer or key in it; a key is
/// known by its digest.
public struct TargetRecordsSnapshot: Sendable, Codable {
    private struct Saved: Sendable, Codable {
        var provider: String
        var location: String
        var model: String
        var key: String
        var heardAt: Double
        var performance: PerformanceTracker.Snapshot
        var incidents: IncidentForecast
        var demand: QuotaForecast
        /// Nil in a file of a version that did not keep it.
        var learned: IfReadable<TargetEstimate.Snapshot>?
        var quota: IfReadable<DailyQuota.Count>?
    }

    private var targets: [Saved]
    private var routes: [String: QuotaForecast]

    init(_ book: TargetRecordBook, at seconds: Double) {
        targets = book.records.map { identity, record in
            Saved(
                provider: identity.provider, location: identity.location, model: identity.model,
                key: identity.key, heardAt: record.heardAt,
                performance: record.performance.snapshot(at: seconds), incidents: record.incidents,
                demand: record.demand, learned: record.learned.map { IfReadable(value: $0) },
                quota: record.quota.map { IfReadable(value: $0) })
        }
        routes = book.routes
    }

    /// Puts what was saved into a book, the latest first and no more than it holds. What is older than a window has left
    /// it; an incident that ran is forgotten, since nobody saw how it ended.
    func restore(_ book: inout TargetRecordBook, at seconds: Double) {
        for saved in targets.sorted(by: { $0.heardAt > $1.heardAt }).prefix(book.capacity) {
            let identity = TargetIdentity(
                provider: saved.provider, location: saved.location, model: saved.model, key: saved.key)
            var record = TargetRecord(target: "\(saved.provider)/\(saved.model)", key: "", at: seconds)
            record.performance = PerformanceTracker(restoring: saved.performance, offset: 0, at: seconds)
            (record.incidents, record.demand) = (saved.incidents, saved.demand)
            record.incidents.resume(at: seconds)
            record.demand.resume(at: seconds)
            (record.learned, record.quota) = (saved.learned?.value, saved.quota?.value)
            record.heardAt = min(seconds, saved.heardAt)
            book.records[identity] = record
        }
        for (name, demand) in routes.prefix(book.capacity) {
            book.routes[name] = demand
            book.routes[name]?.resume(at: seconds)
        }
    }
}

/// A part of a file without which the rest is still of use: it is left out if it cannot be read.
private struct IfReadable<Value: Sendable & Codable>: Sendable, Codable {
    var value: Value?

    init(value: Value) { self.value = value }

    init(from decoder: any Decoder) { value = try? Value(from: decoder) }

    func encode(to encoder: any Encoder) throws { try value?.encode(to: encoder) }
}
