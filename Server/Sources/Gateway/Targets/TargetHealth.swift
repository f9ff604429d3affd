public import Generation
public import Resilience
import Routing
import Synchronization

/// What is known about one target with one key: its breaker, its cooldown, its provider's places and retry budget.
///
/// Shared by all requests and all routes that use the target, and kept across reloads.
public final class TargetHealth: Sendable {
    /// Why a target is not to be used now.
    public enum Refusal: Sendable, Hashable {
        /// The breaker is open or its probes are out.
        case breaker(retryAfter: Duration?)
        /// The target asked to be left alone, or its key is not accepted.
        case cooling(FailureClass, retryAfter: Duration)
        /// Too many requests are at the provider already.
        case full

        /// The time after which the target may be asked; nil if that is not known.
        var wait: Duration? {
            switch self {
            case .breaker(let wait): wait
            case .cooling(_, let wait): wait
            case .full: nil
            }
        }
    }

    /// What it is the health of.
    public let identity: TargetIdentity
    /// The target's name for people, with the key's where there are several.
    public let label: String
    /// The key's name for people.
    public let credential: String
    /// Keeps requests away while it fails.
    public let breaker: CircuitBreaker
    let budget: RetryBudget
    let bulkhead: Bulkhead?
    private let cooldown = Mutex(Cooldown())
    /// False as long as there was no cooldown, so that most targets are not asked for it.
    private let hasCooled = Atomic(false)
    private let knownPace: Mutex<Pace>
    /// How often it is probed at most while its breaker is open and nobody else can answer.
    static let earlyProbes = Duration.milliseconds(500)

    /// Where requests wait until it answers again.
    let recovery: Recovery
    /// Which failures are held against it.
    let failures: Mutex<FailureRun>
    /// The failures in a row that open its breaker; nil for no such number.
    private let consecutiveFailures: Int?
    /// What is learned for strategies that choose by it.
    let estimate: Mutex<TargetEstimate>
    /// What is used of its daily quota; nil if it has none.
    public let quota: QuotaMeter?
    private let onCooldown: @Sendable (CooldownEvent) -> Void

    init(
        _ identity: TargetIdentity, label: String, credential: String, breaker: CircuitBreaker,
        budget: RetryBudget, bulkhead: Bulkhead?, pace: Pace, estimate: TargetEstimate,
        quota: QuotaMeter?, consecutiveFailures: Int?, goingOnFrom known: TargetHealth?,
        onCooldown: @escaping @Sendable (CooldownEvent) -> Void
    ) {
        self.identity = identity
        self.label = label
        self.credential = credential
        self.breaker = breaker
        self.budget = budget
        self.bulkhead = bulkhead
        knownPace = Mutex(pace)
        self.estimate = Mutex(estimate)
        self.quota = quota
        self.consecutiveFailures = consecutiveFailures
        recovery = known?.recovery ?? Recovery()
        failures = Mutex(known?.failures.withLock { $0 } ?? FailureRun())
        self.onCooldown = onCooldown
    }

    /// Why the target must be left alone at `now`, other than by its breaker.
    public func cooling(at now: Instant) -> (time: Duration, kind: FailureClass)? {
        guard hasCooled.load(ordering: .acquiring) else { return nil }
        return cooldown.withLock { $0.remaining(at: now) }
    }

    /// How fast it gives whole answers.
    var pace: Pace { knownPace.withLock { $0 } }

    /// Learns about its pace.
    func learnPace(_ note: (inout Pace) -> Void) {
        knownPace.withLock { note(&$0) }
    }

    /// A request was answered.
    func noteAnswer(_ traits: RequestTraits, at now: Instant) {
        failures.withLock { $0.succeeded(traits, at: now) }
    }

    /// A request has failed in a way that counts against the target, unless it can be put down to the request.
    func noteFailure(_ cause: FailureRun.Cause, mayTrip: Bool, at now: Instant) -> FailureRun.Verdict {
        failures.withLock { $0.failed(cause, mayTrip: mayTrip, most: consecutiveFailures, at: now) }
    }

    /// Whether a request would be let through like any other.
    func isHealthy(at now: Instant) -> Bool { breaker.readiness == .ready && cooling(at: now) == nil }

    /// Leaves the target alone for a time and tells so, once for as long as it is for the same reason.
    func cool(for duration: Duration, because kind: FailureClass, at now: Instant) {
        let isNews = cooldown.withLock { cooldown in
            let before = cooldown.remaining(at: now)?.kind
            cooldown.extend(by: duration, because: kind, at: now)
            return before != kind
        }
        hasCooled.store(true, ordering: .releasing)
        guard isNews else { return }
        onCooldown(CooldownEvent(target: label, credential: credential, kind: kind, duration: duration))
    }

    /// Goes on with a cooldown that began before the configuration changed.
    func resumeCooling(for duration: Duration, because kind: FailureClass, at now: Instant) {
        cooldown.withLock { $0.extend(by: duration, because: kind, at: now) }
        hasCooled.store(true, ordering: .releasing)
    }

    /// Gives a key another chance, after the operator has had one to mend it.
    func trustKeyAgain() {
        cooldown.withLock { $0.end(.authentication) }
    }
}

/// A target is left alone from now on, because it asked for it or does not accept its key.
public struct CooldownEvent: Sendable, Hashable {
    /// The target's name for people.
    public var target: String
    /// The key's name for people.
    public var credential: String
    /// Why.
    public var kind: FailureClass
    /// For how long, as far as is known now.
    public var duration: Duration
}
