import Generation
import Resilience
import Routing
import Testing

@testable import Gateway

@Suite struct ExecutionTests {
    private typealias Machine = Execution.StateMachine

    private static let twoTargets = [
        Candidate(target: 0, credential: 0), Candidate(target: 1, credential: 0),
    ]
    private static let twoKeys = [
        Candidate(target: 0, credential: 0), Candidate(target: 0, credential: 1),
        Candidate(target: 1, credential: 0),
    ]

    private func machine(
        _ candidates: [Candidate], attempts: Int = 5, patience: Duration = .milliseconds(2500),
        total: Duration = .seconds(120)
    ) -> Machine {
        Machine(
            candidates,
            bounds: Execution.Bounds(
                deadline: Instant().advanced(by: total),
                retry: RetrySettings(maximumAttempts: attempts, patience: patience), limits: PhaseLimits()),
            chance: Chance(seed: 1))
    }

    private static func failure(_ kind: FailureClass, cause: String = "x", retryAfter: Duration? = nil)
        -> AttemptFailure
    {
        AttemptFailure(kind, cause: cause, phase: .head, message: "m", retryAfter: retryAfter)
    }

    /// What happens to a request whose candidates behave like this, in virtual time.
    private struct Trace {
        var asked: [Int] = []
        var waits: [Duration] = []
        var end: Execution.Step = .finish
        var now = Instant()
    }

    private func play(
        _ machine: Machine, budget: Bool = true,
        _ behave: (_ candidate: Int, _ time: Int) -> Execution.AttemptOutcome
    ) -> Trace {
        var machine = machine, trace = Trace(), times: [Int: Int] = [:]
        var step = machine.start(at: trace.now)
        for _ in 0..<100 {
            switch step {
            case .attempt(let ask):
                let index = ask.candidate, limits = ask.limits
                let outcome = behave(index, times[index, default: 0])
                if case .refused = outcome {
                } else {
                    machine.asked(index)
                    trace.asked.append(index)
                    times[index, default: 0] += 1
                    trace.now = trace.now.advanced(by: .milliseconds(10))
                }
                #expect(limits.total > .zero)
                step = machine.next(after: outcome, of: index, at: trace.now)
            case .wait(let wait, _):
                if machine.pendingIsRetry, !budget {
                    step = machine.budgetSpent(at: trace.now)
                    continue
                }
                trace.waits.append(wait)
                trace.now = trace.now.advanced(by: wait)
                step = machine.resume(at: trace.now)
            case .join, .standBy:
                Issue.record("a plan in order neither hedges nor stands by")
                return trace
            case .fail, .interrupt, .finish:
                trace.end = step
                return trace
            }
        }
        Issue.record("it does not end")
        return trace
    }

    @Test(arguments: [
        // class, cause, asked, number of waits
        (FailureClass.systemError, "refused", [0, 1], 0), (.transient, "server_error", [0, 0, 1], 1),
        (.transient, "reset", [0, 1], 0),
        (.timeout, "timed_out", [0, 1], 0), (.rateLimit, "rate_limit", [0, 0, 0, 1], 2),
        (.providerOverload, "unavailable", [0, 1], 0),
        (.quotaExceeded, "quota", [0, 1], 0), (.authentication, "unauthorized", [0, 1], 0),
        (.modelUnavailable, "gone", [0, 1], 0),
        (.apiFailure, "malformed", [0, 1], 0), (.qualityFailure, "empty", [0, 1], 0),
        (.resourceExhausted, "out_of_memory", [0, 1], 0),
    ])
    func `each class of failure has its conduct while another target is there`(
        kind: FailureClass, cause: String, asked: [Int], waits: Int
    ) {
        let trace = play(machine(Self.twoTargets)) { candidate, _ in
            candidate == 0 ? .failed(Self.failure(kind, cause: cause)) : .answered
        }
        #expect(trace.asked == asked)
        #expect(trace.waits.count == waits)
        #expect(trace.end == .finish)
    }

    @Test(arguments: [FailureClass.invalidRequest, .contextLengthExceeded, .contentPolicy])
    func `a request that the first target calls wrong is not tried elsewhere`(kind: FailureClass) {
        let trace = play(machine(Self.twoTargets)) { _, _ in .failed(Self.failure(kind)) }
        #expect(trace.asked == [0])
        #expect(trace.end == .fail(.attemptsFailed(Self.failure(kind), retryAfter: nil)))
    }

    @Test func `the first failure is what the caller is told when all fail`() {
        let trace = play(machine(Self.twoTargets)) { candidate, _ in
            .failed(
                Self.failure(
                    candidate == 0 ? .timeout : .invalidRequest, cause: candidate == 0 ? "first" : "second"))
        }
        guard case .fail(.attemptsFailed(let told, _, _)) = trace.end else {
            Issue.record("\(trace.end)")
            return
        }
        #expect(told.cause == "first")
    }

    @Test func `a Retry-After within the patience is waited for, a longer one is not`() {
        for seconds in [2, 3] {
            let refusal = Self.failure(.rateLimit, retryAfter: .seconds(seconds))
            let trace = play(machine(Self.twoTargets)) { candidate, time in
                candidate == 0 && time == 0 ? .failed(refusal) : .answered
            }
            #expect(trace.waits == (seconds == 2 ? [.seconds(2)] : []))
            #expect(trace.asked == (seconds == 2 ? [0, 0] : [0, 1]))
        }
    }

    @Test func `all waits of a request together stay within its patience`() {
        let trace = play(machine(Self.twoTargets, attempts: 20)) { _, _ in
            .failed(Self.failure(.rateLimit, retryAfter: .seconds(1)))
        }
        #expect(trace.waits.reduce(.zero, +) <= .milliseconds(2500))
    }

    @Test func `another key of the same target is tried without waiting`() {
        for kind in [FailureClass.rateLimit, .authentication, .quotaExceeded] {
            let trace = play(machine(Self.twoKeys)) { candidate, _ in
                candidate == 0 ? .failed(Self.failure(kind, retryAfter: .seconds(30))) : .answered
            }
            #expect(trace.asked == [0, 1] && trace.waits.isEmpty, "\(kind)")
        }
    }

    @Test func `another key is not tried against what ails the target`() {
        let trace = play(machine(Self.twoKeys)) { candidate, _ in
            candidate < 2 ? .failed(Self.failure(.timeout)) : .answered
        }
        #expect(trace.asked == [0, 2])
    }

    @Test func `the number of attempts is bounded`() {
        for attempts in 1...6 {
            let trace = play(
                machine((0..<10).map { Candidate(target: $0, credential: 0) }, attempts: attempts)
            ) { _, _ in .failed(Self.failure(.timeout)) }
            #expect(trace.asked.count == attempts)
        }
    }

    @Test func `no attempt begins at or after the deadline, and no wait reaches it`() {
        let trace = play(machine(Self.twoTargets, total: .milliseconds(15))) { _, _ in
            .failed(Self.failure(.rateLimit, retryAfter: .milliseconds(8)))
        }
        #expect(trace.asked == [0, 1])
        #expect(trace.waits.isEmpty)
    }

    @Test func `when all must be left alone, the one that can be asked first is waited for`() {
        let trace = play(machine(Self.twoTargets)) { candidate, _ in
            trackRefusals(candidate)
        }
        #expect(trace.asked == [1])
        #expect(trace.waits == [.milliseconds(800)])
    }

    private let refusals = Refusals()
    private func trackRefusals(_ candidate: Int) -> Execution.AttemptOutcome {
        refusals.count += 1
        if refusals.count > 2 { return .answered }
        return .refused(.breaker(retryAfter: candidate == 0 ? .seconds(2) : .milliseconds(800)))
    }

    private final class Refusals: @unchecked Sendable {  // Used by one test.
        var count = 0
    }

    @Test func `when all must be left alone for too long, the caller is told for how long`() {
        let trace = play(machine(Self.twoTargets)) { candidate, _ in
            .refused(.breaker(retryAfter: .seconds(candidate == 0 ? 20 : 10)))
        }
        #expect(trace.asked.isEmpty)
        #expect(
            trace.end
                == .fail(
                    .nobodyAvailable(
                        [.breaker(retryAfter: .seconds(20)), .breaker(retryAfter: .seconds(10))],
                        retryAfter: .seconds(10))))
    }

    @Test func `a retry that its budget does not allow is not made`() {
        let trace = play(machine([Candidate(target: 0, credential: 0)]), budget: false) { _, _ in
            .failed(Self.failure(.transient))
        }
        #expect(trace.asked == [0])
    }

    @Test func `a lone target is asked again within reason`() {
        let trace = play(machine([Candidate(target: 0, credential: 0)])) { _, _ in
            .failed(Self.failure(.systemError, cause: "refused"))
        }
        #expect(trace.asked == [0, 0, 0])
        #expect(trace.waits.allSatisfy { $0 <= .milliseconds(200) })
    }

    @Test func `a broken stream is never retried`() {
        let trace = play(machine(Self.twoTargets)) { _, _ in
            .interrupted(Self.failure(.transient), canGoOn: false)
        }
        #expect(trace.asked == [0])
        #expect(trace.end == .interrupt(Self.failure(.transient)))
    }

    @Test
    func `a stream that another target can go on with is taken to each of the others once, without a pause`()
    {
        let trace = play(machine(Self.twoTargets)) { candidate, _ in
            candidate == 0
                ? .interrupted(Self.failure(.transient), canGoOn: true)
                : .failed(Self.failure(.qualityFailure))
        }
        #expect(trace.asked == [0, 1])
        #expect(trace.waits.isEmpty)
        #expect(
            trace.end == .interrupt(Self.failure(.transient)), "the first failure is what the caller is told")
    }

    @Test func `it always ends, within its bounds, whatever happens`() {
        var chance = Chance(seed: 42)
        for seed in 0..<5000 {
            let count = 1 + Int(chance.next() % 5)
            let candidates = (0..<count).map { Candidate(target: $0 / 2, credential: $0 % 2) }
            var asked = 0
            let trace = play(machine(candidates, attempts: 1 + seed % 7), budget: seed % 3 > 0) { _, _ in
                switch chance.next() % 8 {
                case 0:
                    return .refused(
                        .breaker(
                            retryAfter: chance.next() % 2 == 0
                                ? nil : .milliseconds(Int(chance.next() % 3000))))
                case 1: return .refused(.full)
                case 2:
                    return .refused(
                        .cooling(.rateLimit, retryAfter: .milliseconds(Int(chance.next() % 3000))))
                default:
                    asked += 1
                    let kinds = FailureClass.allCases
                    let wait: Duration? =
                        chance.next() % 2 == 0 ? nil : .milliseconds(Int(chance.next() % 4000))
                    return .failed(
                        Self.failure(kinds[Int(chance.next() % UInt64(kinds.count))], retryAfter: wait))
                }
            }
            #expect(asked <= 1 + seed % 7, "seed \(seed)")
            #expect(trace.waits.reduce(.zero, +) <= .milliseconds(2500), "seed \(seed)")
        }
    }

    @Test func `beside a probe a healthy candidate of another target is asked, not another key`() {
        var machine = machine(Self.twoKeys)
        _ = machine.start(at: Instant())
        machine.asked(0)
        let none = machine.hedge(at: Instant()) { $0 != 2 }
        #expect(none == nil)
        let other = machine.hedge(at: Instant()) { _ in true }
        #expect(other?.candidate == 2 && other?.purpose == .hedge)
    }

    @Test func `one that refuses is not asked again at the same moment, however much its plan wants that`() {
        var forced = Plan.Choice(0)
        forced.isForced = true
        var machine = machine([Candidate(target: 0, credential: 0)])
        machine.plan = Plan([forced])
        guard case .attempt = machine.start(at: Instant()) else {
            Issue.record("it is not asked at all")
            return
        }
        let step = machine.next(after: .refused(.full), of: 0, at: Instant())
        #expect(step == .fail(.nobodyAvailable([.full], retryAfter: nil)))
    }
}
