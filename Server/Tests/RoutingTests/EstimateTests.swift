import Generation
import Resilience
import Testing

@testable import Routing

@Suite struct EstimateTests {
    private static let short = RequestShape(input: 500, output: 100)
    private static let long = RequestShape(input: 5000, output: 100)

    // MARK: Success

    @Test func `a target that was never asked is taken to succeed in 98 of 100`() {
        var estimate = SuccessEstimate()
        let evidence = estimate.evidence(for: Self.short, overdue: 0, at: 0)
        #expect(abs(evidence.share - 0.98) < 0.001)
    }

    @Test func `failures in a row are known within three results, and only they make it failing`() {
        var estimate = SuccessEstimate()
        for second in 0..<50 { estimate.note(true, for: Self.short, at: Double(second)) }
        #expect(!estimate.isFailing)
        var needed = 0
        while !estimate.isFailing, needed < 20 {
            needed += 1
            estimate.note(false, for: Self.short, at: 50 + Double(needed))
        }
        #expect(needed <= 3)
        #expect(estimate.changes == 1)
    }

    @Test func `evidence fades to the prior by half every five minutes`() {
        var estimate = SuccessEstimate()
        for _ in 0..<20 { estimate.note(false, weight: 0.5, for: Self.short, at: 0) }
        let before = estimate.overall.failures
        _ = estimate.evidence(for: Self.short, overdue: 0, at: 300)
        #expect(abs(estimate.overall.failures - (0.1 + (before - 0.1) / 2)) < 1e-9)
    }

    @Test func `long prompts have a share of their own`() {
        var estimate = SuccessEstimate()
        for second in 0..<40 {
            estimate.note(true, for: Self.short, at: Double(second))
            estimate.note(second % 3 == 0, for: Self.long, at: Double(second))
        }
        let short = estimate.evidence(for: Self.short, overdue: 0, at: 40).share
        let long = estimate.evidence(for: Self.long, overdue: 0, at: 40).share
        #expect(short > long + 0.15, "\(short) \(long)")
    }

    @Test func `what is overdue counts at once, as half a failure`() {
        var estimate = SuccessEstimate()
        let before = estimate.evidence(for: Self.short, overdue: 0, at: 0)
        let after = estimate.evidence(for: Self.short, overdue: 4, at: 0)
        #expect(after.share < before.share - 0.1)
        #expect(abs(after.failures - before.failures - 2) < 1e-9)
    }

    @Test func `a target that answers now and then is not left alone for one more failure`() {
        var estimate = SuccessEstimate()
        for second in 0..<10 { estimate.note(false, for: Self.short, at: Double(second)) }
        #expect(estimate.isFailing)
        estimate.note(true, for: Self.short, at: 10)
        estimate.note(false, for: Self.short, at: 11)
        #expect(estimate.overall.share < 0.5 && !estimate.isFailing)
        estimate.note(false, for: Self.short, at: 12)
        #expect(estimate.isFailing)
    }

    // MARK: Time

    @Test func `a time estimate finds the median and spread of what it sees`() {
        var estimate = TimeEstimate(median: 0.7, residual: 0.09), chance = Chance(seed: 1)
        for second in 0..<500 {
            estimate.note(2 * exponential(0.3 * chance.normal()), at: Double(second))
        }
        #expect(abs(estimate.median - 2) < 0.4, "\(estimate.median)")
        #expect(abs(estimate.residual - 0.09) < 0.04, "\(estimate.residual)")
    }

    @Test func `another level is learned within three samples`() {
        var estimate = TimeEstimate(median: 0.5, residual: 0.05)
        for second in 0..<100 { estimate.note(0.5, at: Double(second)) }
        for second in 100..<103 { estimate.note(4, at: Double(second)) }
        #expect(estimate.median > 2, "\(estimate.median)")
    }

    @Test func `what hangs gets hardly more time`() {
        var estimate = TimeEstimate(median: 0.5, residual: 0.05)
        for second in 0..<100 { estimate.note(0.5, at: Double(second)) }
        for second in 100..<105 { estimate.noteLonger(than: 4, at: Double(second)) }
        #expect(estimate.median < 1.6, "\(estimate.median)")
    }

    private func exponential(_ x: Double) -> Double {
        // Enough terms for the small numbers here.
        var sum = 1.0, term = 1.0
        for step in 1..<30 {
            term *= x / Double(step)
            sum += term
        }
        return sum
    }

    // MARK: Headroom

    @Test func `a known limit has room for its burst and then for what it allows in a second`() {
        var estimate = HeadroomEstimate(RateLimit(requestsPerSecond: 2, burst: 4))
        for _ in 0..<4 {
            let hasRoom = estimate.wait(at: 10) <= 0
            #expect(hasRoom)
            estimate.take(at: 10)
        }
        let (hasRoom, used) = (estimate.wait(at: 10) <= 0, estimate.used(at: 10))
        #expect(!hasRoom)
        #expect(used == 1)
        let hasRoomAgain = estimate.wait(at: 10.51) <= 0
        #expect(hasRoomAgain)
    }

    @Test func `a refusal empties the bucket, lowers the rate and blocks for five seconds at most`() {
        var estimate = HeadroomEstimate(RateLimit(requestsPerSecond: 10, burst: 10))
        estimate.refused(retryAfter: 60, at: 0)
        #expect(estimate.isBlocked(at: 4.9))
        #expect(!estimate.isBlocked(at: 5.1))
        let used = estimate.used(at: 0.1)
        #expect(abs(used - (1 - 0.07)) < 1e-6, "7 a second are left of 10")
    }

    @Test func `a limit that nobody told of is guessed at the first refusal and forgotten when it is gone`() {
        var estimate = HeadroomEstimate()
        for step in 0..<600 { estimate.take(at: Double(step) / 10) }
        let before = estimate.wait(at: 60) <= 0
        #expect(before)
        estimate.refused(retryAfter: 0, at: 60)
        let after = estimate.wait(at: 60) <= 0
        #expect(!after)
        for step in 0..<200 { estimate.answered(nil, at: 60 + Double(step)) }
        let used = estimate.used(at: 300)
        #expect(used == 0)
    }

    @Test func `what responses say is left is believed if it is less`() {
        var estimate = HeadroomEstimate(RateLimit(requestsPerSecond: 1, burst: 100))
        estimate.answered(RateLimitNotice(left: 0.2), at: 0)
        let used = estimate.used(at: 0)
        #expect(abs(used - 0.4) < 1e-9, "half way from full to a fifth")
    }

    @Test func `a limit that responses tell of is learned, with what is left of it`() {
        var estimate = HeadroomEstimate()
        let told = RateLimit(requestsPerSecond: 2, burst: 60)
        for _ in 0..<20 { estimate.answered(RateLimitNotice(left: 0.1, limit: told), at: 1) }
        #expect(estimate.learnedLimit == told)
        let (wait, used) = (estimate.wait(at: 1), estimate.used(at: 1))
        #expect(wait == 0)
        #expect(abs(used - 0.9) < 0.02, "\(used)")
        for _ in 0..<7 { estimate.take(at: 1) }
        let after = estimate.wait(at: 1)
        #expect(after > 0 && after < 1, "\(after)")
        for _ in 0..<20 { estimate.answered(RateLimitNotice(left: 0.9, limit: told), at: 1) }
        let usedLess = estimate.used(at: 1)
        #expect(abs(usedLess - 0.1) < 0.02, "of a limit that was told more is believed too: \(usedLess)")
    }

    @Test func `a limit that begins anew at certain times does not seem small soon after that`() {
        var estimate = HeadroomEstimate(), second = 0.0
        // 60 in a minute, all back at its end, asked for 50: for three minutes.
        for _ in 0..<3 {
            for request in 1...50 {
                second += 1.2
                let wait = max(0.1, 60 - Double(request) * 1.2)
                estimate.take(at: second)
                estimate.answered(
                    RateLimitNotice(
                        left: 1 - Double(request) / 60,
                        limit: RateLimit(requestsPerSecond: Double(request) / wait, burst: 60)), at: second)
                let room = estimate.wait(at: second)
                #expect(room == 0, "second \(second)")
            }
        }
    }

    @Test func `a configured limit is not replaced by what responses tell`() {
        let configured = RateLimit(requestsPerSecond: 5, burst: 10)
        var estimate = HeadroomEstimate(configured)
        let told = RateLimit(requestsPerSecond: 100, burst: 1000)
        estimate.answered(RateLimitNotice(left: 1, limit: told), at: 0)
        for _ in 0..<10 { estimate.take(at: 0) }
        estimate.answered(RateLimitNotice(left: 1, limit: told), at: 0)
        let wait = estimate.wait(at: 0)
        #expect(abs(wait - 0.2) < 1e-9, "\(wait)")
        #expect(estimate.learnedLimit == nil)
    }

    // MARK: The target

    @Test func `attempts that are late for their first token are overdue until they are settled`() {
        var target = TargetEstimate()
        let late = target.began(at: 0), other = target.began(at: 100)
        #expect(target.overdue(at: 1) == 0)
        #expect(target.overdue(at: 100.5) == 1)
        target.ended(late, .failed(after: 100), of: Self.short, at: 100)
        #expect(target.overdue(at: 100.5) == 0)
        target.firstToken(of: other, after: 0.4, at: 100.4)
        #expect(target.overdue(at: 1000) == 0)
        #expect(target.running == 0)
    }

    @Test(arguments: [(0.5, true, 0.0), (3, true, 0.5), (3, false, 0)])
    func `what was given up is half a failure if it was silent for longer than is usual`(
        after: Double, wasSilent: Bool, failures: Double
    ) {
        var target = TargetEstimate()
        let before = target.success.overall.failures, id = target.began(at: 0)
        target.givenUp(id, after: after, wasSilent: wasSilent, of: Self.short, at: 0)
        #expect(abs(target.success.overall.failures - before - failures) < 1e-9)
        #expect(target.running == 0)
    }

    @Test func `the attempts that are watched are bounded`() {
        var target = TargetEstimate()
        for _ in 0..<10_000 { _ = target.began(at: 0) }
        #expect(target.overdue(at: 1000) == 128)
    }

    @Test func `a whole answer teaches both times in proportion`() {
        var target = TargetEstimate()
        for second in 0..<200 {
            let id = target.began(at: Double(second))
            target.ended(id, .answeredWhole(after: 6, tokens: 100), of: Self.short, at: Double(second) + 6)
        }
        let expected = target.firstToken.expected() + 100 * target.perToken.expected()
        #expect(abs(expected - 6) < 0.6, "\(expected)")
    }
}
