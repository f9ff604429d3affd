import NIOCore

/// Looks once a second at all connections of an event loop, which is cheaper than a timer for each, and keeps the text of
/// the present date for them.
final class LoopSweep: @unchecked Sendable {  // Confined to its event loop.
    private let loop: any EventLoop
    private let wallClock: @Sendable () -> Int64
    private var connections: [FrontConnection] = []
    private(set) var date: String
    /// Whether the front has ended, so that a connection that was accepted just before is not served.
    private(set) var isStopped = false

    init(loop: any EventLoop, wallClock: @escaping @Sendable () -> Int64) {
        self.loop = loop
        self.wallClock = wallClock
        date = HTTPDateText.text(wallClock())
    }

    func start() {
        loop.execute {
            self.loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in self.turn() }
        }
    }

    func add(_ connection: FrontConnection) {
        connection.sweepIndex = connections.count
        connections.append(connection)
    }

    func remove(_ connection: FrontConnection) {
        let index = connection.sweepIndex
        guard index < connections.count, connections[index] === connection, let last = connections.popLast(),
            last !== connection
        else {
            return
        }
        connections[index] = last
        last.sweepIndex = index
    }

    /// Closes all connections, also those that are still being accepted.
    func stop() {
        loop.execute {
            self.isStopped = true
            for connection in self.connections { connection.abandon() }
        }
    }

    private func turn() {
        date = HTTPDateText.text(wallClock())
        let now = loop.now
        for connection in connections { connection.check(at: now) }
    }
}

/// The date of a reply (RFC 9110, section 5.6.7).
enum HTTPDateText {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The text for seconds since 1970, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func text(_ seconds: Int64) -> String {
        let seconds = max(0, seconds), day = seconds / 86_400, second = seconds % 86_400
        let (year, month, date) = civil(day)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(days[Int(day % 7)]), \(two(date)) \(months[Int(month - 1)]) \(year) "
            + "\(two(second / 3600)):\(two(second % 3600 / 60)):\(two(second % 60)) GMT"
    }

    /// Year, month and day of a number of days since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date
    /// algorithms").
    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468, era = shifted / 146_097, dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }
}
