import Gateway
import Synchronization

/// Routes to models that callers named and no configuration knows. Their number is bounded, since callers choose the
/// names: those that were asked for longest ago are forgotten first, and made anew when they are asked for again.
final class DirectRoutes: Sendable {
    private let routes = Mutex(RecentValues<Route>(capacity: 1000))

    /// The route of that name, made by `make` if it is new.
    func route(_ name: String, _ make: () -> Route?) -> Route? {
        if let known = routes.withLock({ $0[name] }) { return known }
        // Outside the lock, since it asks the registry of targets. Of two that are made at once the first stays.
        guard let route = make() else { return nil }
        return routes.withLock { routes in
            if let known = routes[name] { return known }
            routes.insert(route, for: name)
            return route
        }
    }
}

/// Values by name, at most `capacity` of them. A decision: no lock.
///
/// They live in two halves: what is asked for moves into the young one, and when that is full it becomes the old one and
/// what was left in the old one is forgotten. So the last `capacity / 2` that were asked for are always there, and nothing
/// costs more than a look-up.
struct RecentValues<Value> {
    private let half: Int
    private var young: [String: Value] = [:], old: [String: Value] = [:]

    /// - Parameter capacity: At least 2.
    init(capacity: Int) { half = max(1, capacity / 2) }

    var count: Int { young.count + old.count }

    subscript(name: String) -> Value? {
        mutating get {
            if let value = young[name] { return value }
            guard let value = old.removeValue(forKey: name) else { return nil }
            insert(value, for: name)
            return value
        }
    }

    mutating func insert(_ value: Value, for name: String) {
        if young.count >= half { (old, young) = (young, [:]) }
        young[name] = value
    }
}
