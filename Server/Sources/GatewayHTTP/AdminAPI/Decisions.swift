import Dialects
import Gateway
import Generation
import HTTPMessage
import Routing

/// `GET /decisions/{id}`: how a request was decided. A key's holder sees the decisions about its own requests; the
/// administrator sees all.
struct Decisions: Sendable {
    let gateway: Gateway

    func run(_ exchange: Exchange) async {
        guard let id = RequestID(exchange.head.lastSegment), let decision = gateway.decisions[id],
            maySee(decision, exchange.caller)
        else {
            return await exchange.sendError(
                .invalid(
                    "no decision of that id: it is unknown, still being made, or forgotten", field: "id",
                    code: "decision_not_found", status: 404))
        }
        await exchange.sendJSON(DecisionView(decision))
    }

    private func maySee(_ decision: Decision, _ caller: Caller) -> Bool {
        if case .key(let name) = caller { return decision.caller == name }
        return true
    }
}

/// A decision as it is shown.
struct DecisionView: Encodable {
    struct Planned: Encodable {
        /// What speaks for a target and against it, on routes whose strategy learns. What costs is negative.
        struct Terms: Encodable {
            var worth: Double
            var quality: Double
            var price: Double
            var latency: Double
            var risk: Double
            var headroom: Double
            var success: Double
            var evidence: Double
            var noise: Double
            var expected_seconds: Double
            var expected_dollars: Double
        }

        var target: String
        var reason: String
        var eligible: Bool?
        var terms: Terms?
    }

    struct Step: Encodable {
        var step: String
        var target: String
        var key: String
        var begin_ms: Double
        var duration_ms: Double
        var purpose: String?
        var outcome: String
        var `class`: String?
        var cause: String?
        var phase: String?
        /// The limit that was exceeded, by the name of its setting.
        var limit: String?
        var status: Int?
        var code: String?
        var message: String?
        var bytes_received: Int?
        var retry_after_ms: Double?
        var first_token_ms: Double?
        var usage: Tokens?
    }

    /// A preference that applied, and who asked for it.
    struct Preference: Encodable {
        var value: String
        var from: String
    }

    struct Session: Encodable {
        var by: String
        var target: String?
        var kept: Bool
    }

    /// What the strategy that did not decide would have done.
    struct Shadow: Encodable {
        /// What the shadow strategy's choice was expected to gain.
        struct Gain: Encodable {
            var seconds: Double
            var dollars: Double
            var success: Double
        }

        var strategy: String
        var rolled_out: Bool
        var would_ask: String?
        var differs: Bool
        var gain: Gain?
    }

    struct Tokens: Encodable {
        var prompt: Int
        var completion: Int
        var estimated: Bool
    }

    var id: String
    var arrived_at_ms: Int64
    var caller: String?
    var route: String
    var strategy: String
    var streams: Bool
    var summary: String
    var plan: [Planned]
    /// As a text, since it is larger than what JSON numbers hold everywhere.
    var seed: String?
    var preferences: [String: Preference]?
    var session: Session?
    var advantage: String?
    var shadow: Shadow?
    var steps: [Step]
    var outcome: String
    var provider: String?
    var model: String?
    var finish_reason: String?
    var upstream_request_id: String?
    var usage: Tokens?
    var answer_flaw: String?
    var score: Double?
    var attempts: Int
    var duration_ms: Double
    var overhead_us: Double

    init(_ decision: Decision) {
        id = decision.id.description
        arrived_at_ms = decision.arrivedAtMilliseconds
        caller = decision.caller
        route = decision.route
        strategy = decision.strategyName
        streams = decision.streams
        summary = Self.sentence(decision)
        plan = decision.plan.map(Planned.init)
        seed = decision.seed.map { "\($0)" }
        let applied = PreferenceLayer.applied(decision.preferences).filter {
            decision.strategy.heeds($0.name)
        }
        if !applied.isEmpty {
            preferences = applied.reduce(into: [:]) {
                $0[$1.name.rawValue] = Preference(value: $1.value, from: "\($1.origin)")
            }
        }
        session = decision.session.map { Session(by: $0.by, target: $0.target, kept: $0.isKept) }
        advantage = decision.advantage
        shadow = decision.opinion.map { opinion in
            Shadow(
                strategy: opinion.strategy.rawValue, rolled_out: opinion.isRolledOut,
                would_ask: opinion.first,
                differs: opinion.differs,
                gain: opinion.gain.map {
                    Shadow.Gain(seconds: $0.seconds, dollars: $0.dollars, success: $0.success)
                })
        }
        steps = decision.steps.map(Step.init)
        outcome = decision.ending.rawValue
        provider = decision.provider
        model = decision.facts?.model ?? decision.model
        finish_reason = decision.facts?.finishReason?.word
        upstream_request_id = decision.facts?.upstreamID
        usage = decision.facts?.usage.map(Tokens.init)
        answer_flaw = decision.flaw
        score = decision.score
        attempts = decision.attempts
        duration_ms = decision.duration.shownMilliseconds
        overhead_us = (decision.overhead / .microseconds(1)).rounded()
    }

    /// One sentence that says what happened.
    private static func sentence(_ decision: Decision) -> String {
        let passed = decision.steps.compactMap { step -> String? in
            switch step.kind {
            case .attempt(_, let failure?, _):
                "\(step.target) failed (\(failure.kind.rawValue), \(failure.cause))"
            case .refusal(let refusal): "\(step.target) was passed over (\(refusal.word))"
            case .wait: "it waited \(Int(step.duration.shownMilliseconds)) ms for \(step.target)"
            case .budgetSpent: "the retry budget of \(step.target) was spent"
            case .attempt(_, nil, _): nil
            case .outrun: "\(step.target) was slower than another one"
            }
        }
        let end =
            switch decision.ending {
            case .answered where decision.flaw != nil:
                "nobody gave a better answer than \(decision.provider ?? "?"), whose first was delivered"
            case .answered:
                "\(decision.provider ?? "?") \(decision.wasMended ? "went on and answered" : "answered")"
            case .failed: "nobody answered"
            case .interrupted: "the answer broke off and the caller was told"
            case .callerLeft: "the caller left"
            }
        return (passed + [end]).joined(separator: "; ")
    }
}

extension DecisionView.Planned {
    init(_ planned: Decision.Planned) {
        target = planned.target
        reason = planned.why
        guard let standing = planned.standing else { return }
        eligible = standing.isEligible
        let seen = standing.assessment
        terms = Terms(
            worth: standing.worth, quality: seen.quality, price: -seen.price, latency: -seen.latency,
            risk: -seen.risk, headroom: -seen.headroom, success: seen.success, evidence: seen.evidence,
            noise: seen.noise, expected_seconds: seen.time, expected_dollars: seen.dollars)
    }
}

extension DecisionView.Tokens {
    init(_ usage: Usage) {
        self.init(
            prompt: usage.promptTokens, completion: usage.completionTokens, estimated: usage.isEstimated)
    }
}

extension DecisionView.Step {
    init(_ step: Decision.Step) {
        target = step.target
        key = step.key
        begin_ms = step.begin.shownMilliseconds
        duration_ms = step.duration.shownMilliseconds
        switch step.kind {
        case .wait: (self.step, outcome) = ("wait", "waited")
        case .budgetSpent: (self.step, outcome) = ("budget", "spent")
        case .refusal(let refusal):
            (self.step, outcome) = ("refusal", refusal.word)
            retry_after_ms = refusal.retryAfter?.shownMilliseconds
        case .outrun(let purpose):
            (self.step, outcome) = ("attempt", "outrun")
            self.purpose = purpose.rawValue
        case .attempt(let purpose, let failure, let firstToken):
            (self.step, outcome) = ("attempt", failure == nil ? "ok" : "failed")
            self.purpose = purpose.rawValue
            first_token_ms = firstToken?.shownMilliseconds
            usage = step.usage.map(DecisionView.Tokens.init)
            guard let failure else { return }
            `class` = failure.kind.rawValue
            cause = failure.cause
            phase = failure.phase.rawValue
            limit = failure.limit.map { "timeouts.\($0.rawValue)" }
            status = failure.status
            code = failure.code
            message = failure.message
            bytes_received = failure.bytesReceived
            retry_after_ms = failure.retryAfter?.shownMilliseconds
        }
    }
}

extension TargetHealth.Refusal {
    fileprivate var word: String {
        switch self {
        case .breaker: "breaker open"
        case .cooling(let kind, _): "cooling down after \(kind.rawValue)"
        case .full: "too many requests in flight"
        }
    }

    fileprivate var retryAfter: Duration? {
        switch self {
        case .breaker(let wait): wait
        case .cooling(_, let wait): wait
        case .full: nil
        }
    }
}

extension Duration {
    /// Milliseconds with three places.
    var shownMilliseconds: Double { (self / .microseconds(1)).rounded() / 1000 }
}
