import CoreMetrics
import Generation
import Resilience
import Routing

/// The path of one request, from top to bottom. What is not here does not happen to a request.
///
/// Each stage takes the ``Outcome`` of the one before. None but ``tell(_:_:)`` says to a caller that it gets no answer.
struct Stages {
    let gateway: Gateway
    let request: GenerationRequest
    /// The route that was asked for.
    let route: Route
    let caller: String?
    let wishes: CallerWishes
    let arrivedAt: Instant
    /// Where attempts are made beside the first one.
    let spawner: Spawner
    /// Cancelled with the task that this runs in; nil if only that is.
    let cancellation: CancellationToken?

    func run(into sink: any ReplySink) async {
        let wallClock = gateway.wallClockMilliseconds()
        let delivery = Delivery(openAccount(at: wallClock), into: sink)
        // Admission: what the caller's key may ask for, its limits and its budget.
        // Idempotency: the answer that the same key was given before.
        // Caching: an answer that is known.
        let choice = choose(delivery, at: wallClock)
        var outcome = await execute(choice, delivery)
        if !outcome.isAnswered { outcome = await degrade(outcome, delivery) }
        if !outcome.isAnswered { outcome = await tell(outcome, delivery) }
        settle(outcome, choice, delivery)
    }

    // MARK: Accounting

    private func openAccount(at milliseconds: Int64) -> Account {
        Account(
            Decision(
                id: request.id, caller: caller, arrivedAtMilliseconds: milliseconds,
                route: route.settings.name, strategy: route.settings.selection.strategy,
                streams: request.streams,
                isLong: RequestShape(request).isLong),
            arrivedAt: arrivedAt, books: Account.Books(log: gateway.decisions, metrics: route.meters))
    }

    private func settle(_ outcome: Outcome, _ choice: Choice, _ delivery: Delivery) {
        let end = gateway.time.now
        let (ending, failure) = outcome.ending
        if ending == .answered, let session = choice.terms.session {
            delivery.account.review { choice.route.answered(session, by: $0, at: end) }
        }
        if let opinion = choice.opinion,
            let comparison = delivery.account.review({ opinion.comparison(with: $0) })
        {
            delivery.account.note(opinion: comparison)
            opinion.count(comparison, ending, took: end.since(arrivedAt))
        }
        delivery.account.settle(ending, failure, at: end)
        if case .refused = outcome { return }
        delivery.account.review { gateway.records.note($0, on: route.settings.targets, at: end) }
    }

    // MARK: Selection

    /// Who decides whom to ask, and in what order.
    private struct Choice {
        var route: Route
        var terms: Route.Terms
        var opinion: SecondOpinion?
        var selection: Route.Selection
        var deadline: Instant
    }

    private func choose(_ delivery: Delivery, at milliseconds: Int64) -> Choice {
        let deadline = arrivedAt.advanced(by: route.settings.attempts.limits.total)
        let terms = route.terms(wishes, caller: caller, atMilliseconds: milliseconds)
        let (decider, opinion) = route.decider(of: request, terms, arrivedAt: arrivedAt, deadline: deadline)
        let selection = decider.select(
            request, terms, arrivedAt: arrivedAt, deadline: deadline, hedge: gateway.hedge)
        delivery.account.note(
            plan: selection.planned, by: decider.settings.selection.strategy, preferences: terms.layers,
            seed: selection.seed, session: selection.session)
        if let regret = selection.regret {
            decider.meters.explorations.increment()
            decider.meters.regret.increment(by: regret)
        }
        return Choice(
            route: decider, terms: terms, opinion: opinion, selection: selection, deadline: deadline)
    }

    // MARK: Execution

    private func execute(_ choice: Choice, _ delivery: Delivery) async -> Outcome {
        if let refusal = choice.selection.refusal { return .refused(refusal) }
        let execution = Execution(
            request, choice.route, choice.selection, deadline: choice.deadline,
            traits: RequestTraits(request, caller: caller), time: gateway.time, spawner: spawner,
            cancellation: cancellation)
        return await execution.run(delivery)
    }

    // MARK: Degradation

    private func degrade(_ outcome: Outcome, _ delivery: Delivery) async -> Outcome {
        do throws(CallerLeft) {
            return try await Degradation(time: gateway.time).serve(outcome, delivery)
        } catch {
            return .callerLeft
        }
    }

    // MARK: Telling

    /// Tells the caller what it has not been told: that there is no answer, or that its stream broke off.
    private func tell(_ outcome: Outcome, _ delivery: Delivery) async -> Outcome {
        do throws(CallerLeft) {
            switch outcome {
            case .answered, .callerLeft: break
            case .interrupted(let failure): try await delivery.interrupt(failure)
            case .failed(let failure, _), .refused(let failure):
                try await delivery.refuse(failure, at: gateway.time.now)
            }
            return outcome
        } catch {
            return .callerLeft
        }
    }
}

extension Outcome {
    fileprivate var isAnswered: Bool { if case .answered = self { true } else { false } }

    /// How a request ended that came to this, and what its caller was told.
    fileprivate var ending: (RequestEnding, GatewayFailure?) {
        switch self {
        case .answered: (.answered, nil)
        case .failed(let failure, _), .refused(let failure): (.failed, failure)
        case .interrupted(let failure): (.interrupted, .attemptsFailed(failure, retryAfter: nil))
        case .callerLeft: (.callerLeft, nil)
        }
    }
}
