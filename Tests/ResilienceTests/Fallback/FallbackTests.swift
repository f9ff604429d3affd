import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct FallbackTests {
    private struct Failed: Error, Hashable { var number: Int }

    @Test func `the first rung that can serves, and is named`() async throws {
        let events = Recorder<FallbackEvent>()
        let ladder = Fallback<Int>("ladder") { events.record($0) }
            .then("other", handling: { _ in false }) { _ in 1 }
            .then("broken") { _ in throw Failed(number: 9) }
            .then("last") { _ in 3 }
        let served = try await ladder.run { throw Failed(number: 1) }
        #expect(served.value == 3 && served.rung == "last" && served.error as? Failed == Failed(number: 1))
        #expect(events.events == [FallbackEvent(fallback: "ladder", rung: "last", failedRungs: ["broken"])])
        #expect(try await ladder.run { 7 }.rung == nil)
    }

    @Test func `when no rung can serve the call's own error is thrown, and a cancelled call is not served`()
        async
    {
        let ladder = Fallback<Int>("ladder").then("broken") { _ in throw Failed(number: 9) }
        await #expect(throws: Failed(number: 1)) { try await ladder.run { throw Failed(number: 1) } }
        await #expect(throws: CancellationError.self) {
            try await Fallback<Int>("ladder").then("any") { _ in 1 }.run { throw CancellationError() }
        }
    }

    @Test func `a call that was cancelled and failed otherwise is not served either`() async {
        let asked = Recorder<Int>()
        let ladder = Fallback<Int>("ladder").then("any") { _ in
            asked.record(1)
            return 1
        }
        let call = Task {
            try await ladder.run {
                withUnsafeCurrentTask { $0?.cancel() }
                throw Failed(number: 1)
            }
        }
        await #expect(throws: Failed(number: 1)) { try await call.value }
        #expect(asked.events.isEmpty)
    }
}
