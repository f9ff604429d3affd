import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct LatencyWindowTests {
    @Test func `a quantile is the time of the nearest rank, of the latest calls only`() {
        var window = LatencyWindow(4)
        #expect(window.quantile(0.5) == .zero)
        for milliseconds in [40, 10, 30, 20] { window.note(.milliseconds(milliseconds)) }
        #expect(
            [0.01, 0.25, 0.5, 0.75, 0.95].map { window.quantile($0) / .milliseconds(1) } == [
                10, 10, 20, 30, 40,
            ])
        window.note(.milliseconds(5))
        // The first call, of 40 ms, has left.
        #expect(window.quantile(0.999) == .milliseconds(30) && window.quantile(0.25) == .milliseconds(5))
        for _ in 0..<4 { window.note(.milliseconds(7)) }
        #expect(window.quantile(0.01) == .milliseconds(7) && window.quantile(0.999) == .milliseconds(7))
    }

    @Test func `it says the same as sorting the latest calls does`() {
        var window = LatencyWindow(17), chance = Chance(seed: 5), calls: [Duration] = []
        for _ in 0..<500 {
            let call = Duration.milliseconds(Int(chance.unit() * 20))
            window.note(call)
            calls = calls.suffix(16) + [call]
            let sorted = calls.sorted()
            for share in [0.1, 0.5, 0.9] {
                let rank = Int((share * Double(sorted.count) - 1e-9).rounded(.up))
                #expect(window.quantile(share) == sorted[rank - 1])
            }
        }
    }

    @Test func `a quantile with a window is exact, and silent before its warm-up is over`() {
        var quantile = LatencyQuantile(0.95, window: 30, warmUp: 3)
        for _ in 0..<2 { quantile.note(.milliseconds(5)) }
        #expect(quantile.value == nil)
        for _ in 0..<40 { quantile.note(.milliseconds(5)) }
        #expect(quantile.value == .milliseconds(5))
        // A call that was given up counts where it is above.
        quantile.note(atLeast: .milliseconds(4))
        #expect(quantile.value == .milliseconds(5))
        for _ in 0..<3 { quantile.note(atLeast: .milliseconds(50)) }
        #expect(quantile.value == .milliseconds(50))
    }

    @Test func `a hedge begins when the latest calls would have ended, and not before enough were seen`()
        throws
    {
        let stage = Stage(), time = stage.time
        let policy = HedgePolicy(delay: .quantile(0.5, meanwhile: .unbounded), window: 3, warmUp: 3)
        let hedge = Hedge("hedge", policy: policy, time: stage.strategies, spawner: stage.spawner)
        func attempts(_ milliseconds: Int) throws -> [Duration] {
            let begin = stage.now, starts = Recorder<Duration>()
            try stage.run {
                try await hedge.run { attempt in
                    starts.record(time.now.since(begin))
                    try await time.sleep(for: attempt == 0 ? .milliseconds(milliseconds) : .zero)
                }
            }.get()
            return starts.events
        }
        for milliseconds in [10, 20, 30] { #expect(try attempts(milliseconds) == [.zero]) }
        #expect(try attempts(1000) == [.zero, .milliseconds(20)])
    }
}
