/// Compares the settings of a policy with their ranges.
///
/// ```swift
/// struct PollingPolicy: CheckedPolicy {
///     var interval = Duration.seconds(1)
///     var jitter = 0.1
///
///     var problems: [PolicyProblem] {
///         var checks = PolicyChecks()
///         checks.range("interval", interval, .above(.zero))
///         checks.share("jitter", jitter, .from(0, to: 1))
///         return checks.problems
///     }
/// }
/// ```
///
/// A setting that is nil has no problem.
public struct PolicyChecks: Sendable {
    /// The settings that were out of their ranges, in the order in which they were looked at.
    public private(set) var problems: [PolicyProblem] = []

    /// Begins without a problem.
    public init() {}

    /// Compares a whole number with its range.
    public mutating func range(_ field: String, _ value: Int?, _ range: PolicyRange<Int>) {
        guard let value, !range.contains(value) else { return }
        note(field, Self.text(value), range.text(Self.text))
    }

    /// Compares a number with its range; an infinite one has a problem whatever the range.
    public mutating func range(_ field: String, _ value: Double?, _ range: PolicyRange<Double>) {
        guard let value, !(range.contains(value) && value.isFinite) else { return }
        // What is infinite may be within the bounds that the words name.
        let words = range.text(Self.text) + (range.contains(value) ? ", and finite" : "")
        note(field, Self.text(value), words)
    }

    /// Compares a duration with its range; one that is longer than ``Swift/Duration/unbounded`` has a problem whatever the
    /// range, since sums of it may overflow.
    public mutating func range(_ field: String, _ value: Duration?, _ range: PolicyRange<Duration>) {
        guard let value, !(range.contains(value) && value <= .unbounded) else { return }
        let words = range.text { $0 == .zero ? "0" : Self.text($0) }
        let end = range.contains(value) ? ", and no longer than Duration.unbounded" : ""
        note(field, Self.text(value), words + end)
    }

    /// Compares a share with its range; a value such as 50 gets the hint that shares are not per cent.
    public mutating func share(_ field: String, _ value: Double?, _ range: PolicyRange<Double>) {
        let before = problems.count
        self.range(field, value, range)
        guard problems.count > before, let value, value > 1, value <= 100 else { return }
        let share = (value * 1e4).rounded() / 1e6
        problems[before].hint = "a share: write \(Self.text(share)) for \(Self.text(value)) %"
    }

    /// Takes in the problems of a policy that is a setting of this one.
    public mutating func nested(_ field: String, _ policy: (some CheckedPolicy)?) {
        for var problem in policy?.problems ?? [] {
            problem.field = "\(field).\(problem.field)"
            problems.append(problem)
        }
    }

    /// Notes a problem that is none of a range, such as a name that is there twice.
    public mutating func note(_ field: String, _ value: String, _ range: String) {
        problems.append(PolicyProblem(field: field, value: value, range: range))
    }
}

// MARK: - Words

extension PolicyChecks {
    /// A whole number; from five digits on in groups of three, and large powers of two as such.
    private static func text(_ number: Int) -> String {
        if number >= 1 << 30, number.nonzeroBitCount == 1 { return "2^\(number.trailingZeroBitCount)" }
        let digits = String(number.magnitude)
        guard digits.count > 4 else { return "\(number)" }
        var groups: [Substring] = [], rest = digits[...]
        while !rest.isEmpty {
            groups.insert(rest.suffix(3), at: 0)
            rest = rest.dropLast(3)
        }
        return (number < 0 ? "-" : "") + groups.joined(separator: ",")
    }

    /// A number, without a point where it is whole.
    private static func text(_ number: Double) -> String {
        if let whole = Int(exactly: number), whole.magnitude <= 1 << 53 { return text(whole) }
        return "\(number)"
    }

    /// A duration in the largest unit of which it is a whole number.
    private static func text(_ duration: Duration) -> String {
        let seconds = duration / .seconds(1)
        for (unit, name) in [(1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")] {
            let number = (seconds * unit).rounded()
            guard number.magnitude <= 0x1p53 else { break }
            if duration == .seconds(1) / Int(unit) * Int(number) { return "\(text(number)) \(name)" }
        }
        return "\(seconds) s"
    }
}
