/// The time that a given share of calls stays within, followed as it changes. A decision: no clock, lock or task.
///
/// Stochastic approximation on the logarithm of the time (H. Robbins, S. Monro, 1951): each call above the estimate raises
/// it by a share of 5 % times the quantile, each below lowers it by 5 % times the rest, so that it settles where both
/// balance. Needs no memory of calls.
struct LatencyQuantile: Sendable, Hashable {
    /// The calls before anything is said.
    private static let needed = 20
    private static let step = 0.05

    private let share: Double
    private var seconds = 0.0
    private var count = 0

    /// - Parameter share: Range: 0.01 to 0.999.
    init(_ share: Double) {
        // In this order what is no number becomes the least.
        self.share = min(max(0.01, share), 0.999)
    }

    /// The time; nil before enough calls were seen.
    var value: Duration? { count >= Self.needed ? .seconds(seconds) : nil }

    mutating func note(_ duration: Duration) {
        let time = min(max(duration / .seconds(1), 1e-9), 86_400)
        count = min(count + 1, Self.needed)
        // The first few calls say roughly where it is; the slowest of them is nearest to a high quantile.
        guard count >= Self.needed else { return seconds = max(seconds, time) }
        seconds *= time > seconds ? 1 + Self.step * share : 1 - Self.step * (1 - share)
        seconds = min(max(seconds, 1e-9), 86_400)
    }

    /// Takes in a call that was given up after `duration`: it counts if it is above the estimate already.
    mutating func note(atLeast duration: Duration) {
        if duration / .seconds(1) > seconds { note(duration) }
    }
}
