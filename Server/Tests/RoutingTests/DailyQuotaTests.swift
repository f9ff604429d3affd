import Testing

@testable import Routing

@Suite struct DailyQuotaTests {
    /// A midnight, UTC.
    private static let midnight = 86_400.0 * 20_000
    private static let terms = DailyQuota.Terms(requests: 3)

    private func used(_ quota: DailyQuota, _ seconds: Double) -> Int { quota.count(at: seconds).used }

    @Test func `what is used up is allowed again when the day begins, and not sooner`() {
        var quota = DailyQuota(Self.terms, at: Self.midnight + 3600)
        for number in 0..<3 {
            #expect(quota.wait(at: Self.midnight + 3600) == 0 && used(quota, Self.midnight + 3600) == number)
            quota.take(at: Self.midnight + 3600)
        }
        #expect(quota.wait(at: Self.midnight + 3600) == 82_800)
        #expect(quota.wait(at: Self.midnight + 86_399) == 1)
        #expect(quota.wait(at: Self.midnight + 86_400) == 0 && used(quota, Self.midnight + 86_400) == 0)
        quota.take(at: Self.midnight + 86_400)
        #expect(used(quota, Self.midnight + 86_401) == 1)
        #expect(quota.renewal(after: Self.midnight + 86_401) == Self.midnight + 2 * 86_400)
    }

    @Test(arguments: [(0, 3600.0, 82_800.0), (120, 3600, 3600), (120, 7200, 86_400), (1439, 0, 86_340)])
    func `a day begins at its minute`(minute: Int, at second: Double, left: Double) {
        var quota = DailyQuota(.init(requests: 1, renewalMinute: minute), at: Self.midnight + second)
        quota.take(at: Self.midnight + second)
        #expect(quota.wait(at: Self.midnight + second) == left)
    }

    @Test func `what did not count after all is given back, but not of an earlier day`() {
        var quota = DailyQuota(Self.terms, at: Self.midnight)
        quota.take(at: Self.midnight + 10)
        quota.take(at: Self.midnight + 20)
        quota.giveBack(madeAt: Self.midnight + 10, at: Self.midnight + 30)
        #expect(used(quota, Self.midnight + 30) == 1)
        quota.take(at: Self.midnight + 86_400)
        quota.giveBack(madeAt: Self.midnight + 20, at: Self.midnight + 86_410)
        #expect(used(quota, Self.midnight + 86_410) == 1)
        quota.giveBack(madeAt: Self.midnight + 86_400, at: Self.midnight + 86_420)
        quota.giveBack(madeAt: Self.midnight + 86_400, at: Self.midnight + 86_420)
        #expect(used(quota, Self.midnight + 86_420) == 0, "never below nothing")
    }

    @Test func `a clock that is set back renews nothing`() {
        var quota = DailyQuota(Self.terms, at: Self.midnight + 10)
        for _ in 0..<3 { quota.take(at: Self.midnight + 10) }
        #expect(quota.wait(at: Self.midnight - 10) == 86_410)
        quota.take(at: Self.midnight - 10)
        #expect(used(quota, Self.midnight + 20) == 4)
    }

    @Test(arguments: [
        (0.0, 2, 2), (-86_400, 2, 0), (1e300, 2, 0), (-1e300, 2, 0), (7200, 2, 0), (0, -5, 0),
        (0, .max, 1 << 50),
    ])
    func `only a count of the same day is gone on with`(shift: Double, used: Int, expected: Int) {
        let count = DailyQuota.Count(began: Self.midnight + shift, used: used)
        var quota = DailyQuota(Self.terms, goingOnWith: count, at: Self.midnight + 3600)
        #expect(self.used(quota, Self.midnight + 3600) == expected)
        quota.take(at: Self.midnight + 3600)
        #expect(self.used(quota, Self.midnight + 3600) == min(1 << 50, expected + 1))
    }

    @Test func `times that cannot be do no harm`() {
        var quota = DailyQuota(Self.terms, at: .nan)
        for seconds in [Double.nan, .infinity, -.infinity, 1e300, Self.midnight] {
            quota.take(at: seconds)
            #expect(quota.wait(at: seconds) >= 0)
        }
        #expect(
            DailyQuota.Terms(requests: -4, renewalMinute: 9000) == .init(requests: 1, renewalMinute: 1439))
    }
}
