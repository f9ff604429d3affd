import CoreMetrics
import Generation
import Resilience
import Routing

/// What the strategy that does not decide a request would have done.
struct SecondOpinion: Sendable {
    /// What was expected of a candidate when the request arrived.
    struct Expectation: Sendable {
        var target: String
        var key: String
        var seconds: Double
        var dollars: Double
        var success: Double
    }

    let shadow: Shadow
    let isRolledOut: Bool
    /// Who would have done it.
    let strategy: Strategy
    /// The candidate that it would have asked first; nil for nobody.
    let first: Int?
    let expectations: [Expectation]

    /// The opinion beside what was done; nil if no strategy decided whom to ask first.
    func comparison(with decision: borrowing Decision) -> Decision.Opinion? {
        guard decision.session?.isKept != true, let asked = decision.firstAsked else { return nil }
        let other = first.map { expectations[$0] }
        var opinion = Decision.Opinion(
            isRolledOut: isRolledOut, strategy: strategy, first: other?.target,
            differs: other?.target != asked.target)
        let known = expectations.first { $0.target == asked.target && $0.key == asked.key }
        if let other, let known {
            let (shadow, own) = isRolledOut ? (known, other) : (other, known)
            opinion.gain = Decision.Gain(
                seconds: own.seconds - shadow.seconds, dollars: own.dollars - shadow.dollars,
                success: shadow.success - own.success)
        }
        return opinion
    }

    /// Counts the request, when it has ended.
    func count(_ opinion: Decision.Opinion, _ ending: RequestEnding, took duration: Duration) {
        let meters = shadow.meters(isRolledOut: isRolledOut)
        meters.endings.count(ending)
        meters.duration.record(duration)
        if opinion.differs { meters.differing.increment() }
        guard let gain = opinion.gain else { return }
        meters.seconds.increment(by: gain.seconds)
        meters.dollars.increment(by: gain.dollars)
    }
}

extension Decision {
    /// Who was asked first, with which key; nil if nobody was asked.
    fileprivate var firstAsked: (target: String, key: String)? {
        steps.first { step in
            switch step.kind {
            case .attempt, .outrun: true
            case .refusal, .wait, .budgetSpent: false
            }
        }.map { ($0.target, $0.key) }
    }
}
