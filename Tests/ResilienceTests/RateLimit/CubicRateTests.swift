import Testing

@testable import Resilience

@Suite struct CubicRateTests {
    @Test func `the rate falls, comes back to where it was and then goes further`() {
        var rate = CubicRate(ceiling: 10)
        #expect(rate.throttled(at: 100, after: .seconds(50)) == 70)
        #expect(abs(rate.rate(after: .seconds(50)) - 70) < 1e-9)
        let back = Duration.seconds(50 + rate.secondsToCeiling)
        #expect(abs(rate.rate(after: back) - 100) < 1e-6)
        #expect(rate.rate(after: back + .seconds(5)) > 140)
    }

    @Test(arguments: [(27.0, 2.7257), (1e-12, 0), (1e12, 9085.6), (0, 0), (-5, 0), (.nan, 0), (.infinity, 0)])
    func `any ceiling has its time`(ceiling: Double, seconds: Double) {
        let rate = CubicRate(ceiling: ceiling)
        #expect(abs(rate.secondsToCeiling - seconds) <= max(1e-3, seconds * 1e-4))
        #expect(rate.rate(after: .seconds(1)) >= 0)
    }

    @Test func `the rate fits into a whole number, however long ago throttling was`() {
        for ceiling in [0, 10, 1e300, .infinity] {
            var rate = CubicRate(ceiling: ceiling)
            for time in [Duration.zero, .seconds(1), .seconds(86_400), .unbounded] {
                #expect(Int(rate.rate(after: time)) <= 1 << 30)
            }
            #expect(Int(rate.throttled(at: ceiling, after: .seconds(5))) <= 1 << 30)
        }
    }

    @Test func `a clock that goes back stops nobody`() {
        var rate = CubicRate(ceiling: 10)
        rate.throttled(at: 100, after: .seconds(50))
        #expect(abs(rate.rate(after: .seconds(1)) - 70) < 1e-9)
    }
}
