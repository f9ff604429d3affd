import Generation
import Resilience
import Routing
import Synchronization

@testable import Gateway

/// What must hold whatever happened.
extension Scene {
    /// What does not hold after all requests have ended and the scene was left to settle.
    ///
    /// - Parameter isPunctual: Whether whoever could run did so before time went on.
    func faults(isPunctual: Bool) -> [String] {
        let all = all
        let each = all.flatMap { asked in
            faults(of: asked, isPunctual: isPunctual).map { "request \(asked.id): \($0)" }
        }
        return each + bookFaults(all) + remains
    }

    private func faults(of asked: Asked, isPunctual: Bool) -> [String] {
        guard let endedAt = asked.endedAt else { return ["it has no end"] }
        // So many decisions are kept as there were requests: one that is kept twice takes the place of another.
        guard let decision = gateway.decisions[asked.id] else { return ["there is no decision"] }
        let heard = asked.caller.heard
        var faults = heard.faults
        func expect(_ holds: Bool, _ what: @autoclosure () -> String) { if !holds { faults.append(what()) } }
        // What the caller was told is what was booked, and nobody stays untold who is there.
        let isThere = asked.cancelledAt == nil && heard.leftAt == nil
        let told: RequestEnding? =
            heard.leftAt != nil ? .callerLeft : heard.end?.booked ?? (isThere ? nil : .callerLeft)
        expect(told == decision.ending, "it was booked as \(decision.ending), the caller heard \(heard)")
        expect(
            (heard.end == .refused) == (decision.failure != nil) || heard.leftAt != nil
                || heard.end == .interrupted,
            "its failure is booked as \(String(describing: decision.failure))")
        faults += textFaults(heard, asked.id)
        // Nothing runs on but one probe that has lost.
        let mayLeave = !settings.selection.strategy.learns && decision.steps.contains(where: \.isOutrun)
        expect(asked.left <= (mayLeave ? 1 : 0), "\(asked.left) attempts run on")
        expect(
            decision.attempts <= settings.attempts.retry.maximumAttempts + 1, "\(decision.attempts) attempts")
        guard isPunctual else { return faults }
        let bound = asked.arrivedAt.advanced(by: settings.attempts.limits.total + heard.reading)
        expect(endedAt <= bound, "it took \(endedAt.since(asked.arrivedAt)), \(heard.reading) of it to read")
        let goneAt = [asked.cancelledAt, heard.leftAt].compactMap(\.self).min()
        if let goneAt, !attempts.hadDeaf(asked.id) {
            expect(
                endedAt <= max(goneAt, asked.arrivedAt),
                "it goes on for \(endedAt.since(goneAt)) without its caller")
        }
        return faults
    }

    /// What a caller has is what one provider said, or the beginning of it.
    private func textFaults(_ heard: ScriptedCaller.Heard, _ id: RequestID) -> [String] {
        let promises = attempts.promises(id), isWhole = heard.end == .whole || heard.end == .finished
        var faults: [String] = []
        if isWhole {
            if !promises.contains(heard.text) { faults.append("nobody said \"\(heard.text)\": \(promises)") }
            let isJudged = heard.end == .whole || settings.attempts.brokenStreams == .buffer
            if isJudged, heard.text.contains(DrawnScene.flaw), !settings.answers.mustNotContain.isEmpty {
                if heard.flaw == nil { faults.append("an answer that is not good enough") }
                if settings.answers.lastResort == .error { faults.append("it was to be an error") }
            }
        } else if heard.hasBegun, !promises.contains(where: { $0.hasPrefix(heard.text) }) {
            faults.append("nobody began with \"\(heard.text)\": \(promises)")
        }
        if heard.end == .interrupted, settings.attempts.brokenStreams == .buffer {
            faults.append("a part was delivered of what was to be held back")
        }
        return faults
    }

    /// Each request is counted once, as what it is booked as.
    private func bookFaults(_ all: [Asked]) -> [String] {
        var faults: [String] = []
        for ending in RequestEnding.allCases {
            let booked = all.count { gateway.decisions[$0.id]?.ending == ending }
            let counted = endings[ending.rawValue]
            if booked != counted { faults.append("\(booked) are booked as \(ending), \(counted) counted") }
        }
        if endings.timings != all.count { faults.append("\(endings.timings) of \(all.count) were timed") }
        return faults
    }

    /// What was taken and not given back.
    private var remains: [String] {
        var faults: [String] = []
        if attempts.open != 0 { faults.append("\(attempts.open) attempts run for ever") }
        for health in registry.all {
            // Whoever keeps a probe's permit keeps the breaker from closing, since there is no lease.
            if health.breaker.readiness == .rejecting { faults.append("\(health.label) keeps a probe") }
            let load = health.bulkhead?.load ?? (0, 0)
            if load != (0, 0) { faults.append("\(health.label) has \(load) in its bulkhead") }
            let running = health.estimate.withLock { $0.running }
            if running != 0 { faults.append("\(health.label) counts \(running) in flight") }
        }
        return faults
    }

    /// What happened, request by request, for comparing two runs.
    var trace: [String] {
        all.map { asked in
            let decision = gateway.decisions[asked.id], heard = asked.caller.heard
            let steps = (decision?.steps ?? []).map {
                "\($0.target) \($0.key) \($0.word) \($0.begin) \($0.duration)"
            }
            return "\(asked.arrivedAt.sinceOrigin) \(asked.endedAt?.sinceOrigin ?? .zero): "
                + "\(heard.text) \(heard.end?.rawValue ?? "") \(heard.failure?.word ?? "") "
                + "\(decision?.ending.rawValue ?? "none") \(steps)"
        }
    }
}

extension ScriptedCaller.End {
    /// As what it must be booked.
    fileprivate var booked: RequestEnding {
        switch self {
        case .whole, .finished: .answered
        case .interrupted: .interrupted
        case .refused: .failed
        }
    }
}

extension Decision.Step {
    var isOutrun: Bool {
        if case .outrun = kind { true } else { false }
    }

    /// What it was, in a word or two.
    var word: String {
        switch kind {
        case .attempt(let purpose, let failure, _): "\(purpose) \(failure?.cause ?? "ok")"
        case .outrun(let purpose): "\(purpose) outrun"
        case .refusal(let refusal): "refused \(String(describing: refusal).prefix { $0 != "(" })"
        case .wait: "wait"
        case .budgetSpent: "budget spent"
        }
    }
}
