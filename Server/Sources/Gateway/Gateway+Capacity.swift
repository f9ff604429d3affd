import Generation
import Routing
import Synchronization

/// Whether the targets of a route carry its busiest time when the largest of them is lost. The unit is requests in five
/// minutes.
public struct RouteCapacity: Sendable {
    /// The route's name.
    public let route: String
    /// What 19 of 20 spans of the busiest hour of the week stay below.
    public let peak: Double
    /// The targets that are needed, the largest first.
    public let needed: [String]
    /// What they carry without the largest; nil if there is no bound.
    public let carried: Double?
    /// By how much the peak is missed; 0 if it is carried.
    public let missing: Double
}

extension Gateway {
    /// The capacity of each route of which a limit is known and an hour was seen, by name. Requests of other routes to the
    /// same targets are not taken into account.
    public var capacities: [RouteCapacity] {
        routes.all.compactMap { route in
            let targets = route.settings.targets, limits = targets.map(\.allowedPerSlot)
            guard limits.contains(where: \.isFinite),
                let demand = records.demand(of: route.settings.name), demand.profile.average != nil
            else { return nil }
            let plan = CapacityPlan(for: demand.busiest, limits: limits)
            return RouteCapacity(
                route: route.settings.name, peak: plan.peak, needed: plan.needed.map { targets[$0].name },
                carried: plan.carried.isFinite ? plan.carried : nil, missing: plan.missing)
        }
    }

    /// The requests a second that the provider of each target allows, where that is known.
    public var limits: [TargetIdentity: Double] {
        var limits: [TargetIdentity: Double] = [:]
        for target in routes.all.flatMap(\.settings.targets) {
            for health in target.health {
                limits[health.identity] = target.limit(of: health)?.requestsPerSecond
            }
        }
        return limits
    }
}

extension Target {
    /// What its provider allows with a key: what is configured, else what its responses told.
    fileprivate func limit(of health: TargetHealth) -> RateLimit? {
        facts.limit ?? health.estimate.withLock { $0.headroom.learnedLimit }
    }

    /// The requests in a slot of a forecast that its provider allows with all of its keys; infinite if that is not known.
    fileprivate var allowedPerSlot: Double {
        health.reduce(0) { $0 + (limit(of: $1)?.requestsPerSecond ?? .infinity) } * QuotaForecast.slot
    }
}
