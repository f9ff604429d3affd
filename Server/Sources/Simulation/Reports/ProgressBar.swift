import Foundation

/// What a line says about work in progress: a bar, the share that is done, the time gone and the time left.
///
/// It only decides; whoever owns the terminal prints. The line begins with a carriage return and is always of the same
/// width, so it covers the one before.
public struct ProgressBar: Sendable, Hashable {
    /// The columns of the line without the carriage return. Range: 40 ... 80. Default: 79, which wraps nowhere.
    public let columns: Int

    /// Creates a bar; a width outside of the range becomes the nearest one in it.
    public init(columns: Int = 79) {
        self.columns = min(max(40, columns), 80)
    }

    /// The line for a moment.
    ///
    /// - Parameters:
    ///   - done: How much is done; at most `total` counts.
    ///   - total: How much there is to do. Nothing to do is all done.
    ///   - elapsed: The time since the beginning. The time left assumes that the rest goes at the same pace.
    public func line(done: Int, total: Int, elapsed: Duration) -> String {
        let total = max(0, total)
        let done = min(max(0, done), total)
        let share = total == 0 ? 1 : Double(done) / Double(total)
        let gone = max(0, elapsed / .seconds(1))
        let left = total == 0 || done == total ? 0 : done == 0 ? nil : gone / share - gone
        let percent = String(format: "%3d %%", Int((share * 100).rounded(.down)))
        let tail = " \(percent)  \(Self.clock(gone)) gone, \(left.map(Self.clock) ?? "-:--") left"
        let room = max(4, columns - tail.utf8.count - 2)
        let filled = min(room, Int(share * Double(room)))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: room - filled)
        return "\r" + String("[\(bar)]\(tail)".prefix(columns))
    }

    /// Hours, minutes and seconds, rounded up; never more than 99 hours.
    private static func clock(_ seconds: Double) -> String {
        let whole = Int(min(seconds.rounded(.up), 99 * 3600))
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        return hours > 0
            ? String(format: "%d:%02d:%02d", hours, minutes, whole % 60)
            : String(format: "%d:%02d", minutes, whole % 60)
    }
}
