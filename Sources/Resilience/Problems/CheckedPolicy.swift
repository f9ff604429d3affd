/// A policy that can say which of its settings are out of their ranges.
///
/// A debug build stops when a strategy is made or reconfigured with a policy that has problems. A release build goes on:
/// such a value counts as the nearest that works, as the strategy documents it.
public protocol CheckedPolicy: Sendable {
    /// Every setting that is out of its range, those of policies inside included; empty when all is well.
    ///
    /// What is not a number is always a problem, and so is an infinite one.
    var problems: [PolicyProblem] { get }
}

extension CheckedPolicy {
    /// Stops a debug build if the policy has problems; costs nothing in a release build.
    ///
    /// - Parameter name: What is made with it, for the message.
    func assertNoProblems(in name: @autoclosure () -> String) {
        assert(
            problems.isEmpty,
            "\(name()): \(Self.self) has values out of range: "
                + problems.map(\.description).joined(separator: "; "))
    }
}
