import CoreMetrics
import Generation
import Resilience
import Routing

/// One request's way through its targets: does what ``StateMachine`` decides.
public final class Execution: Sendable {
    let request: GenerationRequest
    let settings: Route.Settings
    /// Makes new plans after failures, if the route's strategy learns.
    let chooser: Chooser?
    let shape: RequestShape
    let time: TimeSource

    init(
        _ request: GenerationRequest, _ settings: Route.Settings, _ chooser: Chooser? = nil, time: TimeSource
    ) {
        self.request = request
        self.settings = settings
        self.chooser = chooser
        shape = chooser?.shape ?? RequestShape(request)
        self.time = time
    }

    /// Runs the request until the sink has its answer, its end or its refusal.
    ///
    /// - Returns: How it ended and, if it failed, why.
    func run(
        _ machine: consuming StateMachine, _ candidates: [Candidate], _ account: inout Account,
        into sink: some ReplySink
    ) async
        -> (Decision.Ending, GatewayFailure?)
    {
        var machine = machine, progress = Progress()
        var step = machine.start(at: time.now)
        do throws(CallerLeft) {
            while true {
                switch step {
                case .attempt(let ask):
                    let attempt = Attempt(self, candidates[ask.candidate], ask)
                    let outcome = try await attempt.run(&machine, &account, &progress, into: sink)
                    let now = time.now
                    if outcome.needsPlan { chooser?.replan(&machine, at: now) }
                    step = machine.next(after: outcome, of: ask.candidate, at: now)
                case .standBy(let wait):
                    step = try await standBy(wait, &machine, &account)
                case .join:
                    // Only follows where attempts run beside each other, which this does not start.
                    return (.failed, .outOfTime)
                case .wait(let wait, let index):
                    step = try await pause(wait, before: candidates[index], &machine, &account)
                case .fail(let failure):
                    try await sink.refuse(failure, account.summary(at: time.now))
                    return (.failed, failure)
                case .interrupt(let failure):
                    try await sink.interrupt(failure)
                    return (.interrupted, .attemptsFailed(failure, retryAfter: nil))
                case .finish:
                    return (.answered, nil)
                }
            }
        } catch {
            return (.callerLeft, nil)
        }
    }

    /// Waits before a candidate is asked again. The budget is asked before the wait, so that retries which are still to
    /// come count against it.
    private func pause(
        _ wait: Duration, before candidate: Candidate, _ machine: inout StateMachine, _ account: inout Account
    )
        async throws(CallerLeft) -> Step
    {
        let target = targets[candidate.target], begin = time.now, meters = target.meters
        let key = target.health[candidate.credential].credential
        if machine.pendingIsRetry {
            guard target.health[candidate.credential].budget.withdraw() else {
                meters.budgetSpent.increment()
                account.note(.budgetSpent, target: target.name, key: key, begin: begin, end: begin)
                return machine.budgetSpent(at: begin)
            }
            meters.scheduledRetries.increment()
        }
        do { try await time.sleep(for: wait) } catch { throw CallerLeft() }
        let end = time.now
        account.note(.wait, target: target.name, key: key, begin: begin, end: end)
        return machine.resume(at: end)
    }

    /// Waits until somebody may be asked again, and chooses anew.
    private func standBy(_ wait: Duration, _ machine: inout StateMachine, _ account: inout Account)
        async throws(CallerLeft) -> Step
    {
        let begin = time.now
        do { try await time.sleep(for: wait) } catch { throw CallerLeft() }
        let end = time.now
        account.note(.wait, target: "any target", key: "", begin: begin, end: end)
        chooser?.replan(&machine, at: end)
        return machine.resume(at: end)
    }

    var targets: [Target] { settings.targets }
    var brokenStreams: BrokenStreams { settings.brokenStreams }

    /// What the caller has so far of a streamed answer.
    struct Progress {
        /// Whether the stream to the caller was begun.
        var hasBegun = false
        /// The text that must be gone on with; nil before an answer broke off.
        var delivered: DeliveredText?
    }

    /// Whether a stream is to keep its text, since another target could go on with it.
    var keepsText: Bool {
        request.streams && targets.count > 1 && (brokenStreams == .splice || brokenStreams == .goOn)
    }
}

extension Execution.Outcome {
    /// Whether somebody else may have to be asked after it.
    fileprivate var needsPlan: Bool {
        switch self {
        case .answered, .callerLeft: false
        case .refused, .failed, .interrupted: true
        }
    }
}
