import Generation
import Resilience

/// Which failures of a target are to be held against it, and when there were so many in a row that it is to be left alone.
/// A decision: no clock, lock or task.
///
/// Failures that have something in common (the caller's key, the body, pictures, tools, a form, length) while the target
/// answers requests without it are put down to that, and open no breaker that others need.
struct FailureRun: Sendable {
    /// How long an answer to another request speaks for the target.
    private static let memory = Duration.seconds(30)

    /// What failures may be put down to.
    private struct Suspects: Hashable {
        var caller: Int?
        var body: Int?
        var features: GenerationRequest.Features

        init(_ traits: RequestTraits) {
            (caller, body, features) = (traits.caller, traits.bodyDigest, traits.features)
        }

        var isEmpty: Bool { caller == nil && body == nil && features.isEmpty }

        /// Leaves what `other` has too.
        mutating func keep(_ other: Suspects) {
            if caller != other.caller { caller = nil }
            if body != other.body { body = nil }
            features.formIntersection(other.features)
        }

        /// Leaves what `other` does not have: a request with it was answered.
        mutating func clear(_ other: Suspects) {
            if caller == other.caller { caller = nil }
            if body == other.body { body = nil }
            features.subtract(other.features)
        }
    }

    /// What all failures since the last change have in common; nil while nothing has failed.
    private var suspects: Suspects?
    /// When a request that has nothing of it was answered.
    private var othersAnsweredAt: Instant?
    /// The last answer before the first failure.
    private var lastAnswer: (caller: Int?, features: GenerationRequest.Features, at: Instant)?
    /// The requests in a row that failed and count, and the last of them: that one is asked again is no second one.
    private var inARow = 0
    private var lastFailed: RequestID?

    /// What may have caused a failure.
    enum Cause {
        /// The request, which reached the target.
        case request(RequestTraits)
        /// The target alone, which the request did not reach.
        case outage(RequestID)

        fileprivate var request: RequestID {
            switch self {
            case .request(let traits): traits.request
            case .outage(let id): id
            }
        }
    }

    /// What a failure means.
    enum Verdict: Hashable {
        /// It is put down to the request.
        case explained
        /// It is held against the target.
        case counts
        /// The same, and there were so many in a row that the target is to be left alone.
        case trips
    }

    /// A request has failed.
    ///
    /// - Parameters:
    ///   - mayTrip: Whether it counts among those in a row.
    ///   - most: The requests in a row at which the target is to be left alone; nil for no such number.
    mutating func failed(_ cause: Cause, mayTrip: Bool, most: Int?, at now: Instant) -> Verdict {
        switch cause {
        case .outage: (suspects, othersAnsweredAt) = (nil, nil)
        case .request(let traits): suspect(Suspects(traits), at: now)
        }
        if isExplained(at: now) { return .explained }
        guard mayTrip, let most else { return .counts }
        if lastFailed != cause.request { inARow += 1 }
        lastFailed = cause.request
        return inARow >= most ? .trips : .counts
    }

    /// A request was answered.
    mutating func succeeded(_ traits: RequestTraits, at now: Instant) {
        (inARow, lastFailed) = (0, nil)
        lastAnswer = (traits.caller, traits.features, now)
        guard var known = suspects else { return }
        known.clear(Suspects(traits))
        suspects = known.isEmpty ? nil : known
        othersAnsweredAt = known.isEmpty ? nil : now
    }

    /// Narrows down what the failures may be put down to.
    private mutating func suspect(_ seen: Suspects, at now: Instant) {
        var common = suspects
        common?.keep(seen)
        if let common, !common.isEmpty { suspects = common } else { suspects = begin(seen, at: now) }
    }

    /// Begins with what a first failure may be put down to. An answer from before speaks for the target if it was to
    /// another caller or to a request that needed less.
    private mutating func begin(_ seen: Suspects, at now: Instant) -> Suspects {
        othersAnsweredAt = nil
        guard let lastAnswer, now.since(lastAnswer.at) < Self.memory else { return seen }
        var left = seen
        if left.caller == lastAnswer.caller { left.caller = nil }
        left.features.subtract(lastAnswer.features)
        if left.caller != nil || !left.features.isEmpty { othersAnsweredAt = lastAnswer.at }
        return left
    }

    private func isExplained(at now: Instant) -> Bool {
        guard let suspects, !suspects.isEmpty, let othersAnsweredAt else { return false }
        return now.since(othersAnsweredAt) < Self.memory
    }
}
