import Generation
import Resilience

/// Which failures of a target are to be held against it, and when there were so many in a row that it is to be left alone.
/// A decision: no clock, lock or task.
///
/// Failures that have something in common (the caller's key, the body, pictures, tools, a form, length) while the target
/// answers requests without it are put down to that, and open no breaker that others need.
struct FailureRun: Sendable {
    /// How long an answer to another request speaks for the target, and how many of the latest do.
    private static let memory = Duration.seconds(30)
    private static let kept = 8

    /// What was answered.
    private struct Answer {
        var caller: Int?
        var features: GenerationRequest.Features
        var at: Instant
    }

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
    /// The latest answers, a ring.
    private var answers: [Answer] = []
    private var answered = 0
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
        let answer = Answer(caller: traits.caller, features: traits.features, at: now)
        if answers.count < Self.kept {
            answers.append(answer)
        } else {
            answers[answered % Self.kept] = answer
        }
        answered &+= 1
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

    /// Begins with what a first failure may be put down to: what none of the latest answers had. They speak for the target,
    /// though not for a body, of which they say nothing.
    private mutating func begin(_ seen: Suspects, at now: Instant) -> Suspects {
        var left = seen
        let latest = answers.filter { now.since($0.at) < Self.memory }
        for answer in latest {
            if left.caller == answer.caller { left.caller = nil }
            left.features.subtract(answer.features)
        }
        othersAnsweredAt = left.caller == nil && left.features.isEmpty ? nil : latest.map(\.at).max()
        return left
    }

    private func isExplained(at now: Instant) -> Bool {
        guard let suspects, !suspects.isEmpty, let othersAnsweredAt else { return false }
        return now.since(othersAnsweredAt) < Self.memory
    }
}
