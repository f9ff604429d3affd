import Generation
import Resilience
import Routing
import Testing

@testable import Gateway

/// What the decisions of a request make of plans that change on the way.
@Suite struct PlanTests {
    private static func machine(_ plan: Plan, attempts: Int = 5) -> Execution.StateMachine {
        Execution.StateMachine(
            (0..<3).map { Candidate(target: $0, credential: 0) }, plan: plan,
            bounds: Execution.Bounds(
                deadline: Instant().advanced(by: .seconds(30)),
                retry: RetrySettings(maximumAttempts: attempts, patience: .seconds(1)), limits: PhaseLimits()),
            table: .otherTargetsFirst, chance: Chance(seed: 1))
    }

    private static let failure = Execution.AttemptOutcome.failed(
        AttemptFailure(.transient, cause: "server_error", phase: .head, message: "m"))

    private func asked(_ step: Execution.Step) -> Int? {
        if case .attempt(let ask) = step { ask.candidate } else { nil }
    }

    private func choices(_ candidates: [Int]) -> Plan { Plan(candidates.map { Plan.Choice($0) }) }

    @Test func `the order of the latest plan counts, and who was asked is not asked first again`() {
        var machine = Self.machine(choices([2, 0, 1])), now = Instant()
        #expect(asked(machine.start(at: now)) == 2)
        machine.asked(2)
        now = now.advanced(by: .milliseconds(10))
        machine.plan = choices([2, 1, 0])
        let second = machine.next(after: Self.failure, of: 2, at: now)
        #expect(asked(second) == 1)
    }

    @Test func `a plan's limit for the first token shortens that of the route and never lengthens it`() {
        var choice = Plan.Choice(0)
        choice.firstToken = .seconds(2)
        var machine = Self.machine(Plan([choice]))
        guard case .attempt(let ask) = machine.start(at: Instant()) else {
            Issue.record("nobody is asked")
            return
        }
        #expect(ask.limits.firstToken == .seconds(2))
        choice.firstToken = .seconds(60)
        machine = Self.machine(Plan([choice]))
        guard case .attempt(let other) = machine.start(at: Instant()) else {
            Issue.record("nobody is asked")
            return
        }
        #expect(other.limits.firstToken == PhaseLimits().firstToken)
    }

    @Test func `when nobody can be asked it stands by within its patience, then gives up`() {
        var machine = Self.machine(Plan([], standBy: Plan.StandBy(0.4))), now = Instant()
        var step = machine.start(at: now), times = 0
        while case .standBy(let wait) = step, times < 10 {
            times += 1
            now = now.advanced(by: wait)
            step = machine.resume(at: now)
        }
        #expect(times == 2)
        #expect(step == .fail(.nobodyAvailable([], retryAfter: nil)))
    }

    @Test func `after standing by a new plan is followed`() {
        var machine = Self.machine(Plan([], standBy: Plan.StandBy(0.2)))
        #expect(machine.start(at: Instant()) == .standBy(.milliseconds(200)))
        machine.plan = choices([1])
        let step = machine.resume(at: Instant().advanced(by: .milliseconds(200)))
        #expect(asked(step) == 1)
    }

    @Test func `a hedge goes beside one attempt, and the failure of one of two waits for the other`() {
        var machine = Self.machine(choices([0, 1, 2])), now = Instant()
        _ = machine.start(at: now)
        machine.asked(0)
        now = now.advanced(by: .milliseconds(500))
        let hedge = machine.hedge(at: now)
        #expect(hedge?.candidate == 1 && hedge?.purpose == .hedge && hedge?.hedgeAfter == nil)
        machine.asked(1)
        let third = machine.hedge(at: now)
        #expect(third == nil, "never two hedges")
        let afterOne = machine.next(after: Self.failure, of: 0, at: now)
        #expect(afterOne == .join)
        let afterBoth = machine.next(after: Self.failure, of: 1, at: now)
        #expect(asked(afterBoth) == 2)
    }

    @Test func `hedges count as attempts`() {
        var machine = Self.machine(choices([0, 1, 2]), attempts: 1)
        _ = machine.start(at: Instant())
        machine.asked(0)
        let hedge = machine.hedge(at: Instant())
        #expect(hedge == nil)
    }

    @Test func `a forced choice is asked although it was asked before`() {
        var forced = Plan.Choice(0)
        forced.isForced = true
        var machine = Self.machine(choices([0]))
        _ = machine.start(at: Instant())
        machine.asked(0)
        machine.plan = Plan([forced])
        guard case .attempt(let ask) = machine.next(after: Self.failure, of: 0, at: Instant()) else {
            Issue.record("nobody is asked")
            return
        }
        #expect(ask.candidate == 0 && ask.isForced && ask.purpose == .retry)
    }

    @Test func `a plan that gives up ends the request whatever could be waited for`() {
        var machine = Self.machine(choices([0, 1]))
        _ = machine.start(at: Instant())
        machine.asked(0)
        machine.plan.givesUp = true
        guard case .fail(.attemptsFailed) = machine.next(after: Self.failure, of: 0, at: Instant()) else {
            Issue.record("it goes on")
            return
        }
    }
}
