public import Generation

/// What to do about a kind of failure: one row of the failure table.
public struct Conduct: Sendable, Hashable {
    /// Whom a failure says something about.
    public enum Scope: String, Sendable, Hashable {
        /// The key alone: another key of the same provider may do better.
        case key
        /// The target with all its keys.
        case target
        /// The prompt's length: models with no larger window will not take it either.
        case window
        /// The request: nobody will take it.
        case request
    }

    /// How to wait before the same target is asked again.
    public enum Wait: String, Sendable, Hashable {
        /// A short backoff with jitter.
        case backoff
        /// As long as the provider asked for, else a backoff.
        case asAsked
    }

    /// Whom it concerns.
    public var scope: Scope
    /// How often the same target is asked again before another one is.
    public var retriesFirst: Int
    /// How often the same target is asked again when no other is left.
    public var retriesLast: Int
    /// How to wait before that.
    public var wait: Wait
    /// Whether the target's breaker counts it as a failure.
    public var countsAgainstBreaker: Bool
    /// How long the target is left alone by all requests if it did not say itself; nil to leave nobody alone.
    public var cooldown: Duration?
    /// The shortest and the longest wish of the provider that are believed.
    public var shortestCooldown: Duration, longestCooldown: Duration

    /// Creates a row; see the members for units and meaning.
    public init(
        _ scope: Scope, first: Int = 0, last: Int = 0, wait: Wait = .backoff, breaker: Bool,
        cooldown: Duration? = nil, shortest: Duration = .zero, longest: Duration = .seconds(60)
    ) {
        self.scope = scope
        retriesFirst = first
        retriesLast = last
        self.wait = wait
        countsAgainstBreaker = breaker
        self.cooldown = cooldown
        shortestCooldown = shortest
        longestCooldown = longest
    }

    /// Whether it is waited out when no other target is left: it certainly did not reach the provider, or the provider
    /// asks for a while.
    func isWaitedOut(_ failure: AttemptFailure) -> Bool {
        guard retriesLast > 0, scope == .target else { return false }
        return !failure.requestWasSent || wait == .asAsked
    }

    /// How long the target is left alone by all requests if it asked for `wish`; nil to leave nobody alone.
    func cooldown(asked wish: Duration?) -> Duration? {
        wish.map { max(shortestCooldown, min($0, longestCooldown)) } ?? cooldown
    }
}

/// The failure table: what to do about each class of failure, with exceptions for certain causes.
public struct FailureTable: Sendable, Hashable {
    /// What to do, by class.
    public var classes: [FailureClass: Conduct]
    /// By cause; asked before the class.
    public var causes: [String: Conduct]

    /// What to do about `failure`.
    public func conduct(for failure: AttemptFailure) -> Conduct {
        causes[failure.cause] ?? classes[failure.kind] ?? Conduct(.target, breaker: false)
    }

    /// Puts requests to the next target when one refuses their content.
    public mutating func passOnRefusedContent() {
        classes[.contentPolicy] = Conduct(.target, breaker: false)
    }

    /// The table of routes that choose anew after each failure: another target is asked before the same one is again.
    public static let otherTargetsFirst: FailureTable = {
        var table = standard
        for (kind, conduct) in table.classes {
            var conduct = conduct
            conduct.retriesFirst = 0
            if kind == .timeout || kind == .qualityFailure { conduct.retriesLast = 1 }
            table.classes[kind] = conduct
        }
        return table
    }()

    /// The table that is used unless a route or a test brings its own.
    public static let standard = FailureTable(
        classes: [
            .transient: Conduct(.target, first: 1, last: 2, breaker: true),
            // Whoever was late is given its time when nobody else is left.
            .timeout: Conduct(.target, last: 1, breaker: true),
            .rateLimit: Conduct(.key, first: 2, last: 2, wait: .asAsked, breaker: false),
            .quotaExceeded: Conduct(.key, breaker: false, cooldown: .seconds(300), longest: .seconds(3600)),
            .providerOverload: Conduct(.target, last: 2, wait: .asAsked, breaker: true),
            .apiFailure: Conduct(.target, last: 1, breaker: true),
            // A key does not mend itself, whatever the provider says about when to come back.
            .authentication: Conduct(
                .key, breaker: false, cooldown: .seconds(600), shortest: .seconds(600), longest: .seconds(600)
            ),
            .invalidRequest: Conduct(.request, breaker: false),
            .contextLengthExceeded: Conduct(.window, breaker: false),
            .contentPolicy: Conduct(.request, breaker: false),
            .qualityFailure: Conduct(.target, last: 1, breaker: false),
            .resourceExhausted: Conduct(.target, last: 1, breaker: true),
            .modelUnavailable: Conduct(.target, breaker: false),
            .systemError: Conduct(.target, last: 2, breaker: true),
        ],
        causes: [
            // The provider may have done its work already: asking another one first costs the caller nothing more.
            "reset": Conduct(.target, last: 1, breaker: true),
            "closed_early": Conduct(.target, last: 1, breaker: true),
            // It may only have been slower than it used to be: asked again, it is asked for a stream.
            "no_whole_answer": Conduct(.target, last: 1, breaker: true),
            // These do not mend themselves within a request.
            "certificate": Conduct(.target, breaker: true),
            "proxy": Conduct(.target, last: 1, breaker: true),
            "only_http2": Conduct(.target, breaker: true),
            "unknown_host": Conduct(.target, last: 1, breaker: true),
            "redirect": Conduct(.target, breaker: true),
            // That the words are others than those that another target began with is nobody's failure.
            "different_text": Conduct(.target, breaker: false),
            // Another model may take what this one cannot.
            "unsupported_input": Conduct(.target, breaker: false),
        ])
}
