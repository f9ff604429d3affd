/// What a load balancer reports: targets that are left out and come back, and calls without a target.
public struct LoadBalancerEvent: Sendable, Hashable {
    /// What happened.
    @nonexhaustive
    public enum Happening: Sendable, Hashable {
        /// The target is left out for a time, for what follows.
        case ejected(target: String, for: Duration, because: Cause)
        /// The target takes part again. Told by the first call after its time.
        case returned(target: String)
        /// A call was rejected, since no target is left for it.
        case noTarget
    }

    /// Why a target is left out.
    @nonexhaustive
    public enum Cause: String, Sendable, Hashable {
        /// As many calls failed in a row as the policy allows.
        case consecutiveFailures = "consecutive_failures"
        /// Its rate of success was too far below that of the others.
        case successRate = "success_rate"
    }

    /// The balancer's name.
    public var strategy: String
    /// What happened.
    public var happening: Happening
}

extension LoadBalancerEvent: ResilienceEvent {
    /// `balancer_target_ejected`, `balancer_target_returned` or `balancer_no_target`.
    public var kind: String {
        switch happening {
        case .ejected: "balancer_target_ejected"
        case .returned: "balancer_target_returned"
        case .noTarget: "balancer_no_target"
        }
    }

    /// An error when there is no target, a warning when one is left out, information when it comes back.
    public var severity: EventSeverity {
        switch happening {
        case .ejected: .warning
        case .returned: .information
        case .noTarget: .error
        }
    }
}
