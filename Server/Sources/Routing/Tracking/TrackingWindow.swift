/// How far back a report looks. A window moves in steps of a twelfth, so that it holds between eleven twelfths and all of
/// its time.
public enum TrackingWindow: String, Sendable, Hashable, CaseIterable, Codable {
    /// The last hour.
    case hour = "1h"
    /// The last 6 hours.
    case sixHours = "6h"
    /// The last 24 hours.
    case day = "24h"
    /// The last 7 days.
    case week = "7d"
    /// The last 30 days.
    case month = "30d"

    /// The slices of which each window is made.
    static let slices = 12

    /// Its length in seconds.
    public var seconds: Double {
        switch self {
        case .hour: 3600
        case .sixHours: 21600
        case .day: 86400
        case .week: 604_800
        case .month: 2_592_000
        }
    }

    /// The spans in which uptime is counted: of 1 minute, 5 minutes, 15 minutes, 2 hours and 6 hours.
    var marks: Int {
        switch self {
        case .hour: 60
        case .sixHours: 72
        case .day: 96
        case .week: 84
        case .month: 120
        }
    }
}
