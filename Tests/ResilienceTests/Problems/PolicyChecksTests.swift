import Resilience
import Testing

/// Values and ranges as people write them.
@Suite struct PolicyChecksTests {
    private func told(_ check: (inout PolicyChecks) -> Void) -> String? {
        var checks = PolicyChecks()
        check(&checks)
        return checks.problems.first?.description
    }

    @Test(arguments: [
        (PolicyRange.from(0, to: 1), "0 to 1"), (.atLeast(3), "3 or more"), (.above(3), "above 3"),
        (.above(3, to: 12_345), "above 3 to 12,345"), (.above(3, below: 5), "above 3 to below 5"),
        (.from(3, to: 1 << 30), "3 to 2^30"),
    ])
    func `a range is told in words`(range: PolicyRange<Int>, words: String) {
        #expect(told { $0.range("x", -1234, range) } == "x is -1234, but must be \(words)")
    }

    @Test(arguments: [
        (PolicyRange.from(1, to: 3), [1, 3], [0, 4]), (.atLeast(1), [1, .max], [0]), (.above(1), [2], [1]),
        (.above(1, to: 3), [2, 3], [1, 4]), (.above(1, below: 3), [2], [1, 3]),
        (.from(3, to: 1), [], [1, 2, 3]),
    ])
    func `a range holds what its words say`(range: PolicyRange<Int>, inside: [Int], outside: [Int]) {
        #expect(inside.allSatisfy(range.contains) && !outside.contains(where: range.contains))
    }

    @Test(arguments: [
        (Double.nan, "nan, but must be 1 or more"), (-0.5, "-0.5, but must be 1 or more"),
        (.infinity, "inf, but must be 1 or more, and finite"), (0, "0, but must be 1 or more"),
        (-12_345, "-12,345, but must be 1 or more"), (-1e300, "-1e+300, but must be 1 or more"),
    ])
    func `what is not a number is in no range`(value: Double, words: String) {
        #expect(told { $0.range("x", value, .atLeast(1)) } == "x is \(words)")
    }

    @Test(arguments: [
        (Duration.zero, "0 s"), (.seconds(-90), "-90 s"), (.milliseconds(-1500), "-1500 ms"),
        (.microseconds(-1), "-1 µs"), (.nanoseconds(-20), "-20 ns"),
        (.seconds(-Int64.max), "-9.223372036854776e+18 s"),
        (Duration(secondsComponent: 0, attosecondsComponent: -1), "-1e-18 s"),
    ])
    func `a duration has the unit that it is whole in`(value: Duration, words: String) {
        #expect(told { $0.range("x", value, .above(.zero)) } == "x is \(words), but must be above 0")
    }

    @Test func `a duration has an end, whatever its range`() {
        #expect(told { $0.range("x", Duration.unbounded, .atLeast(.zero)) } == nil)
        #expect(
            told { $0.range("x", Duration.seconds(Int64.max), .from(.zero, to: .seconds(60))) }?
                .hasSuffix("must be 0 to 60 s") == true)
        #expect(
            told { $0.range("x", Duration.seconds(Int64.max), .atLeast(.zero)) }?
                .hasSuffix("must be 0 or more, and no longer than Duration.unbounded") == true)
    }

    @Test(arguments: [
        (50, "write 0.5 for 50 %"), (33.3, "write 0.333 for 33.3 %"), (100, "write 1 for 100 %"),
        (100.5, nil),
        (-50, nil), (.nan, nil), (.infinity, nil),
    ])
    func `a share that looks like per cent gets a hint`(value: Double, hint: String?) {
        var checks = PolicyChecks()
        checks.share("x", value, .from(0, to: 1))
        #expect(checks.problems.count == 1 && checks.problems[0].hint == hint.map { "a share: \($0)" })
    }

    @Test func `what is nil has no problem`() {
        var checks = PolicyChecks()
        checks.range("a", Int?.none, .atLeast(1))
        checks.range("b", Double?.none, .atLeast(1))
        checks.range("c", Duration?.none, .above(.zero))
        checks.share("d", nil, .from(0, to: 1))
        checks.nested("e", Backoff?.none)
        #expect(checks.problems.isEmpty)
    }

    @Test func `a problem inside has the path from outside`() {
        var checks = PolicyChecks()
        checks.nested("retry", RetryPolicy(backoff: Backoff(base: .seconds(-1))))
        checks.note("name", "''", "a text")
        #expect(checks.problems.map(\.field) == ["retry.backoff.base", "name"])
        #expect(checks.problems[1] == PolicyProblem(field: "name", value: "''", range: "a text"))
    }
}
