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
    /// The requests in a row that failed and count, as many as matter: that one is asked again is no second one.
    private var run: [RequestID] = []
    /// The last request since an answer whose failure was put down to its caller or its body.
    private var lastExplained: RequestID?

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
        /// It is of a kind that says nothing of whether the target is well.
        case ignored

        var isHeldAgainstTarget: Bool { self == .counts || self == .trips }
    }

    /// A request has failed.
    ///
    /// - Parameters:
    ///   - mayTrip: Whether it counts among those in a row.
    ///   - most: The requests in a row at which the target is to be left alone; nil for no such number.
    mutating func failed(_ cause: Cause, mayTrip: Bool, most: Int?, at now: Instant) -> Verdict {
        var isUnlike = false
        switch cause {
        case .outage: (suspects, othersAnsweredAt) = (nil, nil)
        case .request(let traits): isUnlike = suspect(Suspects(traits), at: now)
        }
        if !isUnlike, isExplained(at: now) {
            if mayTrip, suspects?.features.isEmpty ?? false { lastExplained = cause.request }
            return .explained
        }
        guard mayTrip, let most else { return .counts }
        // The one before was not its caller's failure after all.
        if isUnlike, let lastExplained { count(lastExplained, most: most) }
        count(cause.request, most: most)
        return run.count >= most ? .trips : .counts
    }

    private mutating func count(_ request: RequestID, most: Int) {
        if run.count < most, !run.contains(request) { run.append(request) }
    }

    /// A request was answered.
    mutating func succeeded(_ traits: RequestTraits, at now: Instant) {
        run.removeAll(keepingCapacity: true)
        lastExplained = nil
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
    ///
    /// - Returns: Whether it has nothing in common with the failures before, and needs nothing that was not answered of late:
    ///   two such requests, each of another caller, are evidence against the target.
    private mutating func suspect(_ seen: Suspects, at now: Instant) -> Bool {
        var common = suspects
        common?.keep(seen)
        if let common, !common.isEmpty {
            suspects = common
            return false
        }
        let begun = begin(seen, at: now), isFirst = suspects == nil
        suspects = begun
        return !isFirst && begun.features.isEmpty
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
