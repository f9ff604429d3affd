import Foundation
import Generation
import Testing

@testable import Routing

/// What is learned of a target outlives the process, and ages while nobody looks.
@Suite struct EstimateSnapshotTests {
    private static let short = RequestShape(input: 500, output: 100)
    private static let long = RequestShape(input: 5000, output: 100)
    private static let now = 1_795_200_000.0

    /// What 30 answers, with two failures among those to long prompts, have taught until second 1000.
    private static var learned: TargetEstimate {
        var estimate = TargetEstimate()
        for number in 0..<30 {
            let seconds = 970 + Double(number), shape = number % 3 == 0 ? long : short
            let id = estimate.began(at: seconds)
            if number == 9 || number == 21 {
                estimate.ended(id, .failed(after: 3), of: shape, at: seconds)
                continue
            }
            estimate.firstToken(of: id, after: 1.5 + 0.1 * Double(number % 3), at: seconds)
            estimate.ended(id, .answered(perToken: 0.04), of: shape, at: seconds)
        }
        return estimate
    }

    /// The estimate of a later process, whose clock begins anew.
    private static func restored(_ snapshot: TargetEstimate.Snapshot, after age: Double) -> TargetEstimate {
        var estimate = TargetEstimate()
        estimate.restore(snapshot, at: 2, moment: now + age)
        return estimate
    }

    private static func throughJSON(_ snapshot: TargetEstimate.Snapshot) throws -> TargetEstimate.Snapshot {
        try JSONDecoder().decode(TargetEstimate.Snapshot.self, from: JSONEncoder().encode(snapshot))
    }

    @Test func `what is restored at once is what was learned`() throws {
        let before = Self.learned
        let snapshot = try #require(before.snapshot(at: 1000, moment: Self.now))
        var after = Self.restored(try Self.throughJSON(snapshot), after: 0), old = before
        for shape in [Self.short, Self.long] {
            let one = old.success.evidence(for: shape, overdue: 0, at: 1000)
            let other = after.success.evidence(for: shape, overdue: 0, at: 2)
            #expect(abs(one.successes - other.successes) < 1e-9 && abs(one.failures - other.failures) < 1e-9)
        }
        #expect(after.firstToken.mean == before.firstToken.mean)
        #expect(after.firstToken.residual == before.firstToken.residual)
        #expect(abs(after.firstToken.variance - before.firstToken.uncertainty(at: 1000)) < 1e-12)
        #expect(after.perToken.expected() == before.perToken.expected())
        #expect(after.timeLost == before.timeLost && after.timeLost > 0.5)
    }

    @Test func `what is late is judged by the times that were restored`() throws {
        let snapshot = try #require(Self.learned.snapshot(at: 1000, moment: Self.now))
        var after = Self.restored(snapshot, after: 0)
        _ = after.began(at: 2)
        #expect(after.overdue(at: 2 + 2.5) == 0, "before anything was seen it would be late after 1.8 s")
        #expect(after.overdue(at: 2 + 10) == 1)
    }

    @Test(arguments: [(0.0, 1.0), (300, 0.5), (900, 0.125), (86_400, 0)])
    func `evidence fades by half every five minutes that nobody saw, and times become less certain`(
        age: Double, rest: Double
    ) throws {
        let snapshot = try #require(Self.learned.snapshot(at: 1000, moment: Self.now))
        let whole = Self.restored(snapshot, after: 0), after = Self.restored(snapshot, after: age)
        let prior = SuccessEstimate.prior
        let expected = prior.failures + (whole.success.overall.failures - prior.failures) * rest
        #expect(abs(after.success.overall.failures - expected) < 1e-9)
        #expect(abs(after.success.long.amount - whole.success.long.amount * rest) < 1e-9)
        #expect(
            abs(after.firstToken.variance - min(0.15, whole.firstToken.variance + 0.0008 * age)) < 1e-12)
        #expect(after.firstToken.mean == whole.firstToken.mean)
    }

    @Test func `the time between the last request and the snapshot counts as well`() throws {
        let early = try #require(Self.learned.snapshot(at: 1000, moment: Self.now))
        let late = try #require(Self.learned.snapshot(at: 1600, moment: Self.now + 600))
        let one = Self.restored(early, after: 600), other = Self.restored(late, after: 600)
        // Short times fade by the first terms of a series.
        #expect(abs(one.success.overall.successes - other.success.overall.successes) < 1e-6)
        #expect(abs(one.firstToken.variance - other.firstToken.variance) < 1e-12)
    }

    @Test func `nothing is kept of what was never asked, nor of attempts that run or limits`() {
        var estimate = TargetEstimate(limit: RateLimit(requestsPerSecond: 1, burst: 2))
        #expect(estimate.snapshot(at: 5, moment: Self.now) == nil)
        let id = estimate.began(at: 5)
        _ = estimate.began(at: 5)
        estimate.ended(id, .refused(retryAfter: 4), of: Self.short, at: 5)
        #expect(estimate.snapshot(at: 6, moment: Self.now) == nil)
    }

    @Test func `failures in a row are not gone on with, and a target that failed is soon found well`() throws
    {
        var estimate = TargetEstimate()
        for second in 0..<20 {
            estimate.ended(
                estimate.began(at: Double(second)), .failed(after: 0.1), of: Self.short, at: Double(second))
        }
        #expect(estimate.success.isFailing)
        let snapshot = try #require(estimate.snapshot(at: 20, moment: Self.now))
        var after = Self.restored(snapshot, after: 5)
        #expect(after.success.overall.share < 0.3 && !after.success.isFailing)
        for second in 3..<15 {
            after.ended(
                after.began(at: Double(second)), .answered(perToken: 0.01), of: Self.short, at: Double(second)
            )
        }
        #expect(after.success.overall.share > 0.8, "\(after.success.overall)")
    }

    /// A snapshot whose members are these, as they would stand in a file.
    private static func damaged(_ members: String, moment: String = "1795200000") -> TargetEstimate? {
        let text = "{\"moment\":\(moment),\(members)}"
        let snapshot = try? JSONDecoder().decode(TargetEstimate.Snapshot.self, from: Data(text.utf8))
        return snapshot.map { restored($0, after: 60) }
    }

    private static func evidence(_ successes: String, _ failures: String) -> String {
        let good = "{\"successes\":5,\"failures\":1}"
        return """
            "success":{"all":{"successes":\(successes),"failures":\(failures)},"short":\(good),"long":\(good)}
            """
    }

    @Test(arguments: [
        ("-3", "1"), ("1", "-1e308"), ("0", "0"), ("1e308", "1e308"), ("0.1", "0.1"),
    ])
    func `evidence that cannot be is left out`(successes: String, failures: String) throws {
        let after = try #require(Self.damaged(Self.evidence(successes, failures)))
        #expect(after.success == SuccessEstimate())
    }

    @Test func `more evidence than is ever kept counts as what is kept`() throws {
        let after = try #require(Self.damaged(Self.evidence("1e300", "1e299")))
        #expect(abs(after.success.overall.amount - 5) <= 35)
        #expect(after.success.overall.share > 0.9 && after.success.overall.share < 0.93)
    }

    @Test(arguments: [
        #"{"mean":1e308,"variance":0.1,"residual":0.1}"#, #"{"mean":-50,"variance":0.1,"residual":0.1}"#,
        #"{"mean":9,"variance":0.1,"residual":0.1}"#, #"{"mean":0,"variance":-0.1,"residual":0.1}"#,
        #"{"mean":0,"variance":0.1,"residual":-1}"#,
    ])
    func `times that cannot be are left out`(time: String) throws {
        let after = try #require(
            Self.damaged("\"firstToken\":\(time),\"perToken\":\(time),\"timeLost\":-4"))
        let fresh = TargetEstimate()
        #expect(after.firstToken == fresh.firstToken && after.perToken == fresh.perToken)
        #expect(after.timeLost == fresh.timeLost)
    }

    @Test func `doubts that are too large are made as large as doubts become`() throws {
        let time = #"{"mean":0,"variance":1e300,"residual":1e300}"#
        let after = try #require(Self.damaged("\"firstToken\":\(time),\"timeLost\":1e300"))
        #expect(after.firstToken.variance == 0.15 && after.firstToken.residual == 0.6)
        #expect(after.firstToken.expected().isFinite && after.timeLost == 10)
    }

    @Test(arguments: ["9e15", "-1e308", "1e308"])
    func `a moment that cannot be does no harm`(moment: String) throws {
        var after = try #require(Self.damaged(Self.evidence("8", "2"), moment: moment))
        let evidence = after.success.evidence(for: Self.short, overdue: 0, at: 3)
        #expect(evidence.share > 0.7 && evidence.share < 1 && evidence.amount <= 40)
        _ = after.success.evidence(for: Self.short, overdue: 0, at: 90_000)
        #expect(abs(after.success.overall.amount - 5) < 0.01, "it goes on fading")
    }

    @Test func `what is not finite is never written`() throws {
        var estimate = Self.learned
        let id = estimate.began(at: 1000)
        estimate.firstToken(of: id, after: .infinity, at: 1000)
        let snapshot = try #require(estimate.snapshot(at: 1000, moment: Self.now))
        #expect(throws: Never.self) { try JSONEncoder().encode(snapshot) }
        #expect(snapshot.firstToken == nil && snapshot.perToken != nil)
    }
}
