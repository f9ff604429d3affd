import Testing

@testable import Resilience

@Suite struct RetryQuotaTests {
    @Test func `tokens are taken for a price of one's own, all or none`() {
        let quota = RetryQuota(.returned(cost: 5), capacity: 20)
        #expect(quota.take(14) && quota.tokens == 6)
        #expect(!quota.take(7) && quota.tokens == 6)
        #expect(quota.take(-3) && quota.take(0) && quota.tokens == 6)
        quota.succeeded(cost: 14)
        #expect(quota.tokens == 20)
    }
}
