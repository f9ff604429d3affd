import Gateway
import Logging
import Resilience
import ResilienceTesting
import Testing

@testable import holdfast

/// What the operator is told of targets.
@Suite struct TargetLogTests {
    @Test(arguments: [false, true])
    func `an outage is told once when it begins and once when it is over`(early: Bool) throws {
        let lines = Recorder<String>(), clock = VirtualClock()
        let log = TargetLog(logger: Logger(label: "test") { _ in LineRecorder(lines: lines) })
        let breaker = CircuitBreaker(
            "p/m", policy: .target, time: TimeSource(clock), chance: Chance(seed: 1),
            onEvent: { log.note($0) })
        func admit() throws -> CircuitBreaker.Permit {
            early ? try breaker.admitEarly(every: .milliseconds(500)) : try breaker.admit()
        }
        for _ in 0..<3 { try breaker.admit().settle(.failure()) }
        for _ in 0..<120 {
            clock.advance(by: .milliseconds(500))
            guard let permit = try? admit() else { continue }
            permit.settle(.failure())
        }
        while breaker.snapshot.state != .closed {
            clock.advance(by: .milliseconds(500))
            guard let permit = try? admit() else { continue }
            permit.settle(.success)
        }
        let told = lines.events.filter { $0.hasPrefix("notice") }
        #expect(told == ["notice: breaker closed -> open", "notice: breaker half_open -> closed"])
        #expect(lines.events.count > 4, "there are no probes")
    }
}
