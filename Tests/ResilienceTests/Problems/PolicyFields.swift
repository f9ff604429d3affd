import Resilience

/// The settings of a policy that have a range, by the paths that its problems name.
///
/// Elements of a list go by the index 0. A policy inside that can be checked by itself is named as a whole.
struct PolicyFields {
    private(set) var paths: Set<String> = []
    private(set) var nested: Set<String> = []

    init(of policy: any CheckedPolicy) {
        let mirror = Mirror(reflecting: policy)
        if mirror.displayStyle == .enum { addCase(mirror, "", "") } else { addChildren(mirror, "") }
    }

    private mutating func addChildren(_ mirror: Mirror, _ path: String) {
        for child in mirror.children { add(child.value, path + (child.label ?? "")) }
    }

    private mutating func add(_ value: Any, _ path: String) {
        let type = type(of: value)
        let plain: [Any.Type] = [
            Int.self, Double.self, Duration.self, Int?.self, Double?.self, Duration?.self,
        ]
        let lists: [Any.Type] = [[Int].self, [Double].self, [Duration].self]
        if plain.contains(where: { $0 == type }) {
            paths.insert(path)
        } else if lists.contains(where: { $0 == type }) {
            paths.insert("\(path)[0]")
        } else if type == [String: Double].self {
            paths.insert("\(path)[a]")
        } else if value is any CheckedPolicy {
            nested.insert(path)
        } else {
            addInside(Mirror(reflecting: value), path)
        }
    }

    private mutating func addInside(_ mirror: Mirror, _ path: String) {
        switch mirror.displayStyle {
        case .optional: mirror.children.first.map { add($0.value, path) }
        case .collection: mirror.children.first.map { add($0.value, "\(path)[0]") }
        case .enum: addCase(mirror, path, "\(path).")
        case .struct: addChildren(mirror, "\(path).")
        default: break
        }
    }

    /// The values of a case go by their labels, or by the name of the case.
    private mutating func addCase(_ mirror: Mirror, _ path: String, _ prefix: String) {
        guard let payload = mirror.children.first else { return }
        let inner = Mirror(reflecting: payload.value), name = payload.label ?? ""
        guard inner.displayStyle == .tuple else { return add(payload.value, prefix + name) }
        for part in inner.children {
            let label = part.label.flatMap { $0.hasPrefix(".") ? nil : $0 } ?? name
            add(part.value, prefix + label)
        }
    }
}
