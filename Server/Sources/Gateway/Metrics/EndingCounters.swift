import CoreMetrics

/// A counter for each way in which a request may end.
struct EndingCounters: Sendable {
    private let answered, failed, interrupted, callerLeft: Counter

    init(_ label: String, _ dimensions: [(String, String)], _ factory: any MetricsFactory) {
        func counter(_ ending: RequestEnding) -> Counter {
            Counter(label: label, dimensions: dimensions + [("outcome", ending.rawValue)], factory: factory)
        }
        answered = counter(.answered)
        failed = counter(.failed)
        interrupted = counter(.interrupted)
        callerLeft = counter(.callerLeft)
    }

    func count(_ ending: RequestEnding) {
        switch ending {
        case .answered: answered.increment()
        case .failed: failed.increment()
        case .interrupted: interrupted.increment()
        case .callerLeft: callerLeft.increment()
        }
    }
}
