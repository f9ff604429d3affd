public import Generation
import Resilience
import Routing

extension Decision {
    /// What its attempts say of their targets, in order: the target, the label of its key, and how the attempt ended; nil if
    /// that says nothing of the target.
    func eachOutcome(
        on targets: [Target], _ body: (TargetIdentity, String, PerformanceTracker.Outcome?) -> Void
    ) {
        for index in steps.indices where steps[index].kind.isAttempt {
            guard let identity = steps[index].identity,
                let target = targets.first(where: { $0.has(identity) })
            else { continue }
            let usage = index == answeringStep ? facts?.usage : nil
            body(identity, steps[index].key, steps[index].outcome(usage, target.facts))
        }
    }

    /// The place of the attempt that gave the answer; nil if nobody did.
    var answeringStep: Int? {
        guard ending == .answered else { return nil }
        return steps.lastIndex { step in
            if case .attempt(_, nil, _) = step.kind { true } else { false }
        }
    }
}

extension Decision.Step.Kind {
    fileprivate var isAttempt: Bool {
        switch self {
        case .attempt, .outrun: true
        case .refusal, .wait, .budgetSpent: false
        }
    }
}

extension Decision.Step {
    /// How the attempt ended; nil if that says nothing of its target.
    ///
    /// - Parameter usage: What the answer cost, of the attempt that gave it.
    fileprivate func outcome(_ usage: Usage?, _ facts: TargetFacts) -> PerformanceTracker.Outcome? {
        guard case .attempt(_, let failure, let firstToken) = kind else { return nil }
        if let failure {
            guard !failure.isCancellation, failure.concernsTarget else { return nil }
            return PerformanceTracker.Outcome(failure: failure.kind.trackedPlace)
        }
        let input = usage?.promptTokens ?? 0, output = usage?.completionTokens ?? 0
        let cost = facts.price(of: RequestShape(input: Double(input), output: Double(output)))
        return PerformanceTracker.Outcome(
            firstToken: firstToken.map { $0.inSeconds }, total: duration.inSeconds,
            inputTokens: input, outputTokens: output, cost: cost)
    }
}

extension AttemptFailure {
    /// Whether it says something of the target, rather than of the request or of what another target began.
    fileprivate var concernsTarget: Bool {
        switch kind {
        case .qualityFailure: cause != "different_text"
        case .invalidRequest, .contextLengthExceeded, .contentPolicy: false
        default: true
        }
    }
}

extension FailureClass {
    /// Its place among the counts of a ``PerformanceTracker``. It is written to files, so a class keeps its place.
    public var trackedPlace: Int {
        switch self {
        case .transient: 0
        case .timeout: 1
        case .rateLimit: 2
        case .quotaExceeded: 3
        case .providerOverload: 4
        case .apiFailure: 5
        case .authentication: 6
        case .invalidRequest: 7
        case .contextLengthExceeded: 8
        case .contentPolicy: 9
        case .qualityFailure: 10
        case .resourceExhausted: 11
        case .modelUnavailable: 12
        case .systemError: 13
        }
    }
}
