import CoreMetrics
import Generation
import Resilience
import Synchronization

extension Execution {
    /// Asks a target whose breaker wants to see whether it is well again, and a healthy one beside it if it is not quick, so
    /// that no caller pays for a probe.
    func probe(_ attempt: Attempt, _ delivery: Delivery) async throws(CallerLeft) -> Step {
        let begin = time.now, race = ProbeRace(time: time, spawner: spawner)
        let result = await race.run(
            probe: { await attempt.open(nil) }, other: { await self.openBeside(attempt) },
            afterLoss: { attempt.endUnseen($0) })
        switch result {
        case .outrun(let other):
            attempt.meters.outrun.increment()
            delivery.account.note(
                .outrun(attempt.purpose), at: attempt.health, begin: begin, end: time.now)
            machine.withLock { $0.outrun(attempt.task.candidate) }
            return try await follow(other, delivery)
        case .ended(let probe, nil):
            return try await follow(probe, delivery)
        case .ended(let probe, let other?):
            guard probe.isAnswer || !other.isAnswer else {
                _ = try lose(probe, delivery)
                return try await follow(other, delivery)
            }
            // What the other attempt has come to decides nothing once the caller has its answer.
            if probe.isAnswer {
                _ = try lose(other, delivery)
                return try await follow(probe, delivery)
            }
            let step = try await follow(probe, delivery)
            return try lose(other, delivery) ?? step
        }
    }

    /// Asks another target that is healthy beside a probe, out of its retry budget; nil if there is none.
    private func openBeside(_ probe: Attempt) async -> Opening? {
        let now = time.now
        let next = machine.withLock { machine in
            machine.hedge(at: now) { health(of: $0).isHealthy(at: now) }
        }
        guard let ask = next else { return nil }
        let other = Attempt(self, candidates[ask.candidate], ask, isAlone: !hasAlternative(to: ask))
        guard other.health.budget.withdraw() else {
            machine.withLock { $0.outrun(ask.candidate) }
            return nil
        }
        return await other.open(nil)
    }
}

extension Execution.Attempt {
    /// Learns from a probe whose request was answered by another target.
    func endUnseen(_ opening: Opening) {
        let now = time.now
        switch opening.result {
        case .whole, .stream: opening.lesson?.probeAnswers(at: now)
        case .failed(let failure, _):
            meters.attempted(failure)
            if !failure.isCancellation { learn(from: failure, opening, at: now) }
        case .refused, .callerLeft: break
        }
        opening.close(at: now)
    }
}
