import Testing

@testable import Routing

@Suite struct ForecastCapacityTests {
    private let demand = CapacityPlan.Demand(mean: 100, dispersion: 4)

    @Test func `the peak is the 95 % quantile of what may come`() {
        #expect(demand.peak == 133)
        #expect(CapacityPlan.Demand(mean: .nan, dispersion: -1).peak == 0)
    }

    @Test(arguments: [
        ([50.0, 100, 40, 90], [1, 3, 0], 140.0, 0.0),
        ([133, 133, 10], [0, 1], 133, 0),
        ([200, 50, 40], [0, 1, 2], 90, 43),
        ([1000], [0], 0, 133),
        ([.infinity, .infinity, 5], [0, 1], .infinity, 0),
        ([], [], 0, 133),
    ])
    func `the smallest set that bears the loss of its largest is named, or what is missing`(
        limits: [Double], needed: [Int], carried: Double, missing: Double
    ) {
        let plan = CapacityPlan(for: demand, limits: limits)
        #expect(plan.needed == needed)
        #expect(plan.carried == carried)
        #expect(plan.missing == missing)
        #expect(plan.isEnough == (missing == 0))
    }

    @Test func `without demand the first target is enough`() {
        let plan = CapacityPlan(for: CapacityPlan.Demand(mean: 0, dispersion: 1), limits: [5, 5])
        #expect(plan.needed == [0] && plan.isEnough)
    }

    @Test func `the busiest hour of the profile is what capacity is planned for`() {
        var forecast = QuotaForecast()
        for slot in 0..<3 * 2016 {
            let isBusy = slot / 12 % 24 == 18, count = isBusy ? 60.0 : 10
            // Twos and zeros: a variance twice the mean of what comes one by one.
            forecast.note(
                count + (slot % 2 == 0 ? count.squareRoot() : -count.squareRoot()),
                at: ForecastQuotaTests.monday + Double(slot) * 300)
        }
        #expect(abs(forecast.busiest.mean - 60) < 5)
        #expect(abs(forecast.busiest.dispersion - 1) < 0.15)
    }
}
