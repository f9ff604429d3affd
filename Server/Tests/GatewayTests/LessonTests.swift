import Generation
import Resilience
import ResilienceTesting
import Routing
import Testing

@testable import Gateway

/// What an attempt teaches of its target.
@Suite struct LessonTests {
    /// A lesson of a probe of the first target, which is open.
    private func probe(_ targets: TwoTargets) throws -> Lesson {
        let breaker = targets.selector.candidates[0].health.breaker
        breaker.open()
        breaker.halfOpen()
        return try targets.lesson(at: 0)
    }

    @Test func `a probe that is outrun has failed if nothing came of it, and only then`() throws {
        let silent = TwoTargets(), slow = TwoTargets()
        let lesson = try probe(silent), other = try probe(slow)
        #expect(lesson.isProbe && other.isProbe)
        lesson.outrun(at: silent.time.now)
        other.noteFirstToken(at: slow.time.now)
        other.outrun(at: slow.time.now)
        #expect(silent.selector.candidates[0].health.breaker.readiness == .rejecting)
        #expect(slow.selector.candidates[0].health.breaker.readiness == .probing)
    }

    @Test func `a limit that is met says nothing of how likely a target is to answer`() throws {
        let targets = TwoTargets(), health = targets.selector.candidates[0].health
        let failure = AttemptFailure(
            .rateLimit, cause: "x", phase: .head, message: "m", retryAfter: .seconds(3))
        for _ in 0..<10 {
            try targets.lesson(at: 0).failed(
                failure, FailureTable.standard.conduct(for: failure), at: targets.time.now)
        }
        let learned = health.learned(at: targets.time.now)
        #expect(learned.success == nil && (learned.headroom ?? 1) < 0.1)
        #expect(targets.plan().order.map(\.candidate) == [1], "it is left alone for as long as it said")
    }

    @Test func `failures in a row open the breaker for as long as the last one asks`() async throws {
        try VirtualGateway.run { simulation in
            let asks = AttemptFailure(
                .providerOverload, cause: "unavailable", phase: .head, status: 503, message: "m",
                retryAfter: .seconds(30))
            let gateway = VirtualGateway(
                simulation, [("p", { _, _ in .fail(asks) }), ("f", { _, _ in .answer(.milliseconds(20)) })])
            for _ in 0..<3 { _ = await gateway.ask() }
            simulation.expect(gateway.breaker("p") == .open, "its breaker is closed")
            try await simulation.time.sleep(for: .seconds(29))
            simulation.expect(
                gateway.health("p")?.breaker.readiness == .rejecting, "it is probed before its time")
            try await simulation.time.sleep(for: .seconds(2))
            simulation.expect(gateway.health("p")?.breaker.readiness == .probing, "it is not probed")
        }
    }
}
