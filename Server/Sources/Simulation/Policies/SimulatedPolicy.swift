public import Routing

/// Who chooses the providers in a simulation, and what it may learn from. Times are seconds since the scenario's
/// beginning.
///
/// What follows from a plan is not a policy's business: failover, waiting, deadline and hedging are the gateway's own
/// decisions, `Execution.StateMachine`.
public protocol SimulatedPolicy {
    /// The most attempts for one request.
    var maximumAttempts: Int { get }
    /// Seconds after which an attempt is given up, whatever it brought.
    var attemptLimit: Double { get }
    /// Whom to ask now, the best first. Called when a request arrives, after each failure, and after each standing by.
    mutating func plan(for request: SimulatedRequest, at time: Double, in world: World) -> Plan
    /// Whom to ask beside an attempt that is slow to begin its answer; nil for nobody.
    mutating func hedge(
        _ request: SimulatedRequest, beside attempt: SimulatedAttempt, at time: Double, in world: World
    ) -> Plan?
    /// Whether the provider may be asked; else after how many seconds again. Called right before each attempt.
    mutating func admit(
        _ request: SimulatedRequest, at provider: Int, isForced: Bool, time: Double
    ) -> SimulatedAdmission
    /// An attempt begins.
    mutating func began(_ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double)
    /// An attempt has brought its first token.
    mutating func receivedFirstToken(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double)
    /// An attempt has ended by itself or by a limit.
    mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double)
    /// An attempt was given up, since another one has won.
    mutating func cancelled(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, hadFirstToken: Bool, at time: Double)
}

extension SimulatedPolicy {
    /// Nobody.
    public mutating func hedge(
        _ request: SimulatedRequest, beside attempt: SimulatedAttempt, at time: Double, in world: World
    ) -> Plan? { nil }

    /// Always.
    public mutating func admit(
        _ request: SimulatedRequest, at provider: Int, isForced: Bool, time: Double
    ) -> SimulatedAdmission { .admitted }

    /// Nothing is learned.
    public mutating func began(_ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double) {}

    /// Nothing is learned.
    public mutating func receivedFirstToken(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double
    ) {}

    /// Nothing is learned.
    public mutating func cancelled(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, hadFirstToken: Bool, at time: Double
    ) {}
}

/// Whether a provider may be asked.
public enum SimulatedAdmission: Sendable, Hashable {
    /// It may.
    case admitted
    /// Not before so many seconds have passed.
    case refused(retryAfter: Double)
}

/// A request, as a policy sees it.
public struct SimulatedRequest: Sendable {
    /// What the world says of it. A policy that is no oracle does not look at its true output.
    public let request: World.Request
    /// Until when it must be answered, in seconds since the scenario's beginning.
    public let deadline: Double
    /// The attempts that were made.
    public internal(set) var attempts = 0
    /// The attempts that failed.
    public internal(set) var failures = 0
    /// How many of them failed at each provider.
    public internal(set) var failuresAt: [Int]

    /// Whether a provider has failed at it.
    public func hasFailed(at provider: Int) -> Bool { failuresAt[provider] > 0 }
}

/// An attempt, as a policy sees it.
public struct SimulatedAttempt: Sendable, Hashable {
    /// Its number in the simulation.
    public let id: Int
    /// The provider.
    public let provider: Int
    /// When it began.
    public let began: Double
}

/// How an attempt ended.
public struct SimulatedResult: Sendable, Hashable {
    /// What became of it.
    public enum Kind: Sendable, Hashable {
        /// A valid answer.
        case valid
        /// An answer that is of no use.
        case invalid
        /// The caller's own mistake.
        case badRequest
        /// The rate limit refused it; it may come again after so many seconds.
        case rejected(retryAfter: Double)
        /// The provider failed.
        case serverError
        /// A limit of the attempt was up.
        case timedOut
        /// The request's time was up.
        case outOfTime
    }

    /// What became of it.
    public let kind: Kind
    /// Seconds since it began.
    public let elapsed: Double
    /// Seconds until its first token would have come or came; infinite if none would.
    public let firstToken: Double
    /// The share of the provider's burst that was left after it, as responses say.
    public let remaining: Double
}
