import Testing

/// Waits (in real time) until something holds.
///
/// - Returns: False, with an issue recorded, when it does not come true in time or the task is cancelled.
@discardableResult
func until(
    _ limit: Duration = .seconds(20), at place: SourceLocation = #_sourceLocation, _ holds: () -> Bool
) async -> Bool {
    let end = ContinuousClock.now + limit
    while !holds() {
        if Task.isCancelled || ContinuousClock.now > end {
            Issue.record("it never came true", sourceLocation: place)
            return false
        }
        await Task.yield()
    }
    return true
}

/// Counts the rounds of a loop that has to end by itself.
struct Rounds {
    private var left: Int

    init(_ most: Int = 100_000) { left = most }

    /// False, with an issue recorded, when there were too many.
    mutating func another(at place: SourceLocation = #_sourceLocation) -> Bool {
        left -= 1
        if left < 0 { Issue.record("it does not end", sourceLocation: place) }
        return left >= 0
    }
}
