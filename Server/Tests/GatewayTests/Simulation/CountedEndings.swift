import CoreMetrics
import Synchronization

/// Counts how requests ended, and how many were timed.
final class CountedEndings: MetricsFactory {
    private final class Count: CounterHandler, TimerHandler {
        let value = Atomic(0)

        func increment(by amount: Int64) { value.wrappingAdd(Int(amount), ordering: .relaxed) }
        func recordNanoseconds(_ duration: Int64) { value.wrappingAdd(1, ordering: .relaxed) }
        func reset() {}
    }

    private let outcomes = Mutex<[(outcome: String, count: Count)]>([])
    private let timed = Count()
    private let nobody = NOOPMetricsHandler.instance

    /// How many requests ended in that way.
    subscript(outcome: String) -> Int {
        outcomes.withLock { outcomes in
            outcomes.reduce(0) { $0 + ($1.outcome == outcome ? $1.count.value.load(ordering: .relaxed) : 0) }
        }
    }

    /// How many requests were timed.
    var timings: Int { timed.value.load(ordering: .relaxed) }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        guard label == "holdfast_requests_total", let outcome = dimensions.first(where: { $0.0 == "outcome" })
        else { return nobody }
        let count = Count()
        outcomes.withLock { $0.append((outcome.1, count)) }
        return count
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        label == "gen_ai_server_request_duration_seconds" ? timed : nobody
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        nobody
    }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
