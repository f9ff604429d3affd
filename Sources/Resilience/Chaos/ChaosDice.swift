import Synchronization

/// Draws the calls that a chaos strategy disturbs, and tells about them.
public final class ChaosDice: Sendable {
    /// The decisions; no clock, lock, task or callback.
    struct StateMachine: Sendable {
        var policy: ChaosPolicy
        private var chance: Chance

        init(_ policy: ChaosPolicy, chance: Chance) {
            self.policy = policy
            self.chance = chance
        }

        /// Whether to disturb a call. Each call draws one number whatever the rate, so that the same seed means the same
        /// calls: those that a low rate disturbs are among those of a higher one.
        ///
        /// - Parameter rate: Takes the place of the policy's rate.
        mutating func strikes(rate: Double?) -> Bool {
            guard policy.isEnabled else { return false }
            // Below 1 and never below 0: a rate of 1 is always above, one of 0 never, and no number compares with NaN.
            return chance.unit() < rate ?? policy.rate
        }
    }

    let name: String
    private let machine: Mutex<StateMachine>
    /// The policy's switch, to be read without the lock.
    private let isOn: Atomic<Bool>
    private let rate: (@Sendable (CallContext) -> Double?)?
    private let onEvent: (@Sendable (ChaosEvent) -> Void)?

    init(
        _ name: String, _ policy: ChaosPolicy, _ rate: (@Sendable (CallContext) -> Double?)?,
        _ chance: Chance, _ onEvent: (@Sendable (ChaosEvent) -> Void)?
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.rate = rate
        self.onEvent = onEvent
        machine = Mutex(StateMachine(policy, chance: chance))
        isOn = Atomic(policy.isEnabled)
    }

    var policy: ChaosPolicy { machine.withLock { $0.policy } }

    var isEnabled: Bool {
        get { isOn.load(ordering: .relaxed) }
        set { change { $0.isEnabled = newValue } }
    }

    func reconfigure(_ policy: ChaosPolicy) {
        policy.assertNoProblems(in: name)
        change { $0 = policy }
    }

    private func change(_ body: (inout ChaosPolicy) -> Void) {
        machine.withLock {
            body(&$0.policy)
            isOn.store($0.policy.isEnabled, ordering: .relaxed)
        }
    }

    /// Whether to disturb a call.
    func strikes(_ context: CallContext) -> Bool {
        guard isEnabled else { return false }
        let wish = rate?(context)
        return machine.withLock { $0.strikes(rate: wish) }
    }

    func tell(_ injection: ChaosEvent.Injection, _ context: CallContext) {
        onEvent?(ChaosEvent(strategy: name, injection: injection, attempt: context.attempt))
    }
}
