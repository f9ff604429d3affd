/// What the signals that stop the process mean, by how many came. A decision: no clock, thread or handler.
struct Stopping {
    /// What is to be done about a signal.
    enum Action: Equatable, Sendable {
        /// No new work is taken, and the requests that run may end within the limit. Next: stop.
        case drain
        /// Nobody waits for the requests that run, but the process is left in order. Next: exit.
        case stop
        /// The process ends at once, whatever it does.
        case exit
    }

    /// The time that a process which was told to stop has before it is ended. A second has to be enough for both.
    static let patience = Duration.milliseconds(700)

    private var signals = 0

    /// A signal to stop came.
    mutating func next() -> Action {
        signals += 1
        switch signals {
        case 1: return .drain
        case 2: return .stop
        default: return .exit
        }
    }

    /// Whether the process is to end once ``patience`` is over.
    var isImpatient: Bool { signals > 1 }
}
