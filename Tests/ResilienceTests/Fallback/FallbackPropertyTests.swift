import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct FallbackPropertyTests {
    private struct Failed: Error, Equatable { var number: Int }
    private enum Rung: CaseIterable { case serves, fails, givesUp, isNotFor }

    @Test(arguments: Array<UInt64>(1...100))
    func `the first rung that can serves and is named, and those that failed before it are told`(seed: UInt64)
        async throws
    {
        var chance = Chance(seed: seed), rungs: [Rung] = []
        for _ in 0..<chance.next() % 6 { rungs.append(Rung.allCases[Int(chance.next() % 4)]) }
        let events = Recorder<FallbackEvent>()
        var ladder = Fallback<Int>("ladder") { events.record($0) }
        for (number, rung) in rungs.enumerated() {
            ladder = ladder.then("\(number)", handling: { _ in rung != .isNotFor }) { error in
                #expect(error as? Failed == Failed(number: -1))
                if rung == .fails { throw Failed(number: number) }
                // Its own cancellation, not the caller's.
                if rung == .givesUp { throw CancellationError() }
                return number
            }
        }
        let serving = rungs.firstIndex(of: .serves)
        let failed = (0..<(serving ?? rungs.count)).filter { rungs[$0] != .isNotFor }.map { "\($0)" }
        do {
            let served = try await ladder.run { throw Failed(number: -1) }
            #expect(served.value == serving && served.rung == serving.map { "\($0)" }, "seed \(seed)")
            #expect(served.error as? Failed == Failed(number: -1), "seed \(seed)")
        } catch {
            #expect(serving == nil && error as? Failed == Failed(number: -1), "seed \(seed): \(error)")
        }
        let told = FallbackEvent(fallback: "ladder", rung: serving.map { "\($0)" }, failedRungs: failed)
        #expect(events.events == (rungs.isEmpty ? [] : [told]), "seed \(seed)")
    }

    @Test func `a caller cancelled while a rung serves gets no rung's error`() async {
        let clock = VirtualClock(), later = Recorder<String>()
        let ladder = Fallback<Int>("ladder")
            .then("slow") { _ in
                do { try await clock.sleep(until: Instant(sinceOrigin: .seconds(60))) } catch {
                    throw Failed(number: 1)
                }
                return 1
            }
            .then("next") { _ in
                later.record("asked")
                return 2
            }
        let caller = Task { try await ladder.run { throw Failed(number: 0) } }
        await clock.untilSleepers(1)
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
        #expect(later.events.isEmpty)
    }
}
