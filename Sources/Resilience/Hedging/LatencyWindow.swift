/// How long the latest calls took, in order of their times. A decision: no clock, lock or task.
///
/// Noting a call costs a search and two moves within an array, so it is for windows of some hundred calls.
struct LatencyWindow: Sendable, Hashable {
    private let size: Int
    /// A ring; `next` is the oldest when it is full.
    private var latest: [Duration] = []
    private var next = 0
    private var sorted: [Duration] = []

    /// - Parameter size: The calls that are kept. Range: 1 to 10,000.
    init(_ size: Int) { self.size = min(max(1, size), 10_000) }

    mutating func note(_ duration: Duration) {
        if latest.count < size {
            latest.append(duration)
        } else {
            sorted.remove(at: place(of: latest[next]))
            latest[next] = duration
            next = (next + 1) % size
        }
        sorted.insert(duration, at: place(of: duration))
    }

    /// The shortest time that the share of calls stays within (the nearest rank); zero before the first call.
    func quantile(_ share: Double) -> Duration {
        let rank = (share * Double(sorted.count) - 1e-9).rounded(.up)
        return sorted.isEmpty ? .zero : sorted[min(max(0, Int(rank) - 1), sorted.count - 1)]
    }

    /// The first place whose time is not shorter.
    private func place(of duration: Duration) -> Int {
        var low = 0, high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < duration { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
