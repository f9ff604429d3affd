/// The candidates that are asked at the moment, by their indices: one, or two beside each other.
struct RunningAttempts: Sendable, Hashable {
    private(set) var first: Int?
    private var second: Int?

    var isEmpty: Bool { first == nil }

    var count: Int { (first == nil ? 0 : 1) + (second == nil ? 0 : 1) }

    func contains(_ index: Int) -> Bool { first == index || second == index }

    /// Whether nobody else is asked.
    func isOnly(_ index: Int) -> Bool {
        (first == nil || first == index) && (second == nil || second == index)
    }

    /// Notes that a candidate is asked. Nobody asks a third one.
    mutating func append(_ index: Int) {
        if first == nil { first = index } else { second = index }
    }

    mutating func remove(_ index: Int) {
        if second == index { second = nil }
        if first == index { (first, second) = (second, nil) }
    }
}
