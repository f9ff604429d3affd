/// The time that a given share of calls stays within, followed as it changes. A decision: no clock, lock or task.
///
/// Without a window it is followed by stochastic approximation on the logarithm of the time (H. Robbins, S. Monro, 1951):
/// each call above the estimate raises it by a share of 5 % times the quantile, each below lowers it by 5 % times the rest,
/// so that it settles where both balance. Needs no memory of calls. With a window it is the exact quantile of the latest
/// calls.
struct LatencyQuantile: Sendable, Hashable {
    private static let step = 0.05

    private let share: Double
    /// The calls before anything is said.
    private let needed: Int
    private var window: LatencyWindow?
    private var seconds = 0.0
    private var count = 0

    /// - Parameters:
    ///   - share: Range: 0.01 to 0.999.
    ///   - window: The latest calls that it is taken of; nil for none that are kept. Range: 1 to 10,000.
    ///   - warmUp: The calls before anything is said. Range: 1 or more.
    init(_ share: Double, window: Int? = nil, warmUp: Int = 20) {
        // In this order what is no number becomes the least.
        self.share = min(max(0.01, share), 0.999)
        self.window = window.map(LatencyWindow.init)
        needed = max(1, warmUp)
    }

    /// The time; nil before enough calls were seen.
    var value: Duration? {
        guard count >= needed else { return nil }
        return window.map { $0.quantile(share) } ?? .seconds(seconds)
    }

    mutating func note(_ duration: Duration) {
        count = min(count + 1, needed)
        guard window == nil else {
            window?.note(duration)
            return
        }
        let time = min(max(duration / .seconds(1), 1e-9), 86_400)
        // The first few calls say roughly where it is; the slowest of them is nearest to a high quantile.
        guard count >= needed else { return seconds = max(seconds, time) }
        seconds *= time > seconds ? 1 + Self.step * share : 1 - Self.step * (1 - share)
        seconds = min(max(seconds, 1e-9), 86_400)
    }

    /// Takes in a call that was given up after `duration`: it counts if it is above the estimate already.
    mutating func note(atLeast duration: Duration) {
        if duration > (window.map { $0.quantile(share) } ?? .seconds(seconds)) { note(duration) }
    }
}
