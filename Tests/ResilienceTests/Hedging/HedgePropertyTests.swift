import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// Hedged calls whose attempts are made up from a seed: whatever happens, the promises hold.
@Suite struct HedgePropertyTests {
    private struct Failed: Error, Hashable { var attempt: Int }

    private enum End: Sendable { case value, refusedValue, failure, hopeless }

    /// One attempt: what it ends with, when, and whether it minds being cancelled.
    private struct Plan: Sendable {
        var end: End
        var takes: Duration
        var minds: Bool

        init(_ chance: inout Chance) {
            end = [.value, .refusedValue, .failure, .failure, .hopeless][Int(chance.next() % 5)]
            takes = .milliseconds(Int(chance.next() % 4) * 10)
            minds = chance.next() % 2 == 0
        }
    }

    /// What came of one call.
    private struct Story: Sendable {
        var begun: [Int] = []
        var produced: [Int] = []
        var discarded: [Int] = []
        var alsoFailed: [Int] = []
        var failures: [Int] = []
        var allowed = 0
        var answer: Result<Int, Failed>?
        /// Who still slept when the call ended.
        var sleepers = 0
    }

    private final class Log: Sendable {
        let story = Mutex(Story())
    }

    /// One call on a clock that moves when nobody else can. Whatever outlives it but the sleeper of the hedge's alarms
    /// fails the simulation.
    private static func call(
        _ policy: HedgePolicy, _ plans: [Plan], tokens: Int?, mayOverlap: Bool, seed: UInt64
    ) throws -> Story {
        try Simulation.run(seed: seed, policy: .calm) { simulation in
            let log = Log(), time = simulation.time
            let budget = tokens.map {
                RetryBudget(
                    .init(ratio: 0, minimumPerSecond: $0, timeToLive: .seconds(1)), time: time)
            }
            let hedge = Hedge(
                "hedge", policy: policy, budget: budget, time: time, spawner: simulation.spawner,
                onEvent: { event in if event.isAllowed { log.story.withLock { $0.allowed += 1 } } })
            let answer: Result<Int, Failed>
            do {
                answer = .success(
                    try await hedge.run(
                        mayOverlap: mayOverlap,
                        accepting: { plans[$0].end == .value },
                        handling: { ($0 as? Failed).map { plans[$0.attempt].end != .hopeless } ?? true },
                        discard: { value in log.story.withLock { $0.discarded.append(value) } },
                        alsoFailed: { attempt, _ in log.story.withLock { $0.alsoFailed.append(attempt) } }
                    ) { try await Self.attempt($0, plans[$0], log, time) })
            } catch { answer = .failure(error as? Failed ?? Failed(attempt: -1)) }
            log.story.withLock { story in
                story.answer = answer
                story.sleepers = simulation.clock.sleepers
            }
            await simulation.untilIdle()
            return log.story.withLock { $0 }
        }
    }

    private static func attempt(_ number: Int, _ plan: Plan, _ log: Log, _ time: TimeSource) async throws
        -> Int
    {
        log.story.withLock { $0.begun.append(number) }
        do { try await time.sleep(for: plan.takes) } catch {
            if plan.minds { throw error }
        }
        switch plan.end {
        case .value, .refusedValue:
            log.story.withLock { $0.produced.append(number) }
            return number
        case .failure, .hopeless:
            log.story.withLock { $0.failures.append(number) }
            throw Failed(attempt: number)
        }
    }

    @Test(arguments: Array<UInt64>(1...150))
    func `one outcome is the caller's and nothing else is lost`(seed: UInt64) throws {
        var chance = Chance(seed: seed)
        let hedges = Int(chance.next() % 5)
        let delay: HedgePolicy.Delay =
            [.fixed(.zero), .fixed(.milliseconds(15)), .afterFailure][Int(chance.next() % 3)]
        let tokens = Int(chance.next() % 3), isBounded = chance.next() % 3 == 0
        let mayOverlap = chance.next() % 5 > 0
        let plans = (0...hedges).map { _ in Plan(&chance) }
        let story = try Self.call(
            HedgePolicy(delay: delay, maximumHedges: hedges), plans, tokens: isBounded ? tokens : nil,
            mayOverlap: mayOverlap, seed: seed)

        #expect(story.begun.sorted() == Array(0..<story.begun.count), "seed \(seed)")
        #expect(story.begun.count <= 1 + (mayOverlap ? hedges : 0), "seed \(seed)")
        #expect(story.begun.count - 1 == story.allowed, "seed \(seed)")
        if isBounded { #expect(story.allowed <= tokens, "seed \(seed)") }
        #expect(story.sleepers <= 1, "seed \(seed): something was left behind")
        switch try #require(story.answer) {
        case .success(let value):
            let isAccepted = plans[value].end == .value
            // What was not accepted is the caller's only as the first attempt's, when all have failed.
            #expect(isAccepted || value == 0 && story.begun.allSatisfy { plans[$0].end != .value })
            #expect((story.discarded + [value]).sorted() == story.produced.sorted(), "seed \(seed)")
            #expect(story.alsoFailed.isEmpty, "seed \(seed)")
        case .failure(let error):
            #expect(error.attempt == 0 || plans[error.attempt].end == .hopeless, "seed \(seed)")
            #expect(story.discarded.sorted() == story.produced.sorted(), "seed \(seed)")
            let others = story.failures.filter { $0 != error.attempt }.sorted()
            #expect(story.alsoFailed == others, "seed \(seed)")
        }
    }

    @Test(arguments: Array<UInt64>(1...200))
    func `the decisions never begin too many, and always end`(seed: UInt64) {
        var chance = Chance(seed: seed), now = Instant(), open: Set<Int> = [], accepted: Int?, begun = 0
        let most = Int(chance.next() % 4)
        var machine = Hedge.StateMachine(maximumHedges: most), failures = 0
        for _ in 0..<200 {
            switch machine.next(at: now) {
            case .begin(let attempt):
                #expect(attempt == begun && attempt <= most && accepted == nil, "seed \(seed)")
                if attempt > 0, chance.next() % 4 == 0 {
                    machine.withdraw()
                    continue
                }
                begun += 1
                open.insert(attempt)
                machine.hasBegun(
                    at: now, nextAfter: chance.next() % 3 == 0 ? nil : .milliseconds(chance.next() % 20))
            case .wait(let until):
                #expect(!open.isEmpty, "seed \(seed): nothing is waited for")
                if let until, chance.next() % 2 == 0 {
                    now = max(now, until)
                } else if let ended = open.sorted().randomElement(using: &chance) {
                    open.remove(ended)
                    if chance.next() % 3 == 0 {
                        machine.accept(ended)
                        accepted = accepted ?? ended
                    } else {
                        failures += 1
                        machine.fail(at: now)
                    }
                }
            case .finish(let winner):
                #expect(winner == accepted ?? 0, "seed \(seed)")
                #expect(accepted != nil || failures == begun, "seed \(seed)")
                return
            }
        }
        Issue.record("it does not end, seed \(seed)")
    }

    @Test func `the first answer that is accepted stays the answer`() {
        var machine = Hedge.StateMachine(maximumHedges: 1)
        let now = Instant()
        #expect(machine.next(at: now) == .begin(0))
        machine.hasBegun(at: now, nextAfter: .zero)
        #expect(machine.next(at: now) == .begin(1))
        machine.hasBegun(at: now, nextAfter: nil)
        machine.accept(1)
        machine.accept(0)
        #expect(machine.next(at: now) == .finish(1))
    }
}
