import Foundation
import Generation
import Resilience
import ResilienceTesting
import Synchronization
import Testing

@testable import Gateway

/// The whole gateway among providers and callers that do what a seed draws, in an order that it draws.
///
/// `HOLDFAST_SEEDS=20000` runs so many of them, on all processors; `HOLDFAST_SEED=17` runs that one.
@Suite struct GatewaySimulationTests {
    /// Half of the runs are punctual, so that time can be checked in them: whoever can run does so before time goes on.
    private static func policy(_ seed: UInt64) -> SimulationPolicy {
        var policy = SimulationPolicy()
        policy.late = seed % 2 == 0 ? 0 : 0.05
        policy.cancelled = 0.01
        return policy
    }

    @discardableResult
    private static func play(_ seed: UInt64, _ sights: Sights? = nil) throws -> [String] {
        let policy = policy(seed)
        return try Simulation.run(seed: seed, policy: policy) { simulation in
            let drawn = DrawnScene(simulation), scene = drawn.scene
            try await drawn.play()
            // Where time goes on although somebody could run, that may be one whose work is done.
            await simulation.untilIdle()
            try await scene.settle()
            for line in scene.trace { simulation.note(line) }
            let faults = scene.faults(isPunctual: policy.late == 0)
            simulation.expect(faults.isEmpty, faults.joined(separator: "\n"))
            sights?.note(scene)
            return scene.trace + ["\(simulation.fingerprint) \(simulation.steps)"]
        }
    }

    @Test func `whatever happens in whatever order, each caller is told once and nothing is left`()
        async throws
    {
        let seeds = SimulationSeeds.usually(600), sights = Sights(), failures = Failures()
        let watch = Watch()
        defer { watch.end() }
        let places = seeds.count == 1 ? 1 : ProcessInfo.processInfo.activeProcessorCount
        try await withThrowingTaskGroup(of: Void.self) { group in
            for place in 0..<places {
                group.addTask { [seeds] in
                    defer { watch.leave(place) }
                    for index in stride(from: place, to: seeds.count, by: places) {
                        watch.begin(seeds.first &+ UInt64(index), at: place)
                        do { try Self.play(seeds.first &+ UInt64(index), sights) } catch {
                            guard failures.add(error) else { return }
                        }
                        // Other tests share this thread.
                        if index / places % 16 == 15 {
                            try Task.checkCancellation()
                            await Task.yield()
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        for failure in failures.all { Issue.record(failure) }
        guard seeds.count >= 500 else { return }
        for sight in Sights.wanted {
            #expect(sights[sight] > seeds.count / 500, "\(sight): \(sights[sight])")
        }
    }

    @Test func `a seed shows the same run again`() throws {
        for seed in 1...UInt64(max(40, SimulationSeeds.usually(0).count / 20)) {
            let first = try Self.play(seed), again = try Self.play(seed)
            #expect(first == again, "seed \(seed)")
        }
    }
}

/// The first runs in which something did not hold.
private final class Failures: Sendable {
    private static let most = 5
    private let errors = Mutex<[any Error]>([])

    var all: [any Error] { errors.withLock { $0 } }

    /// - Returns: Whether to look for more.
    func add(_ error: any Error) -> Bool {
        errors.withLock { errors in
            if errors.count < Self.most { errors.append(error) }
            return errors.count < Self.most
        }
    }
}

/// Ends the process when a run does not end: nothing else ends a loop without a suspension, nor tells its seed.
private final class Watch: Sendable {
    private static let patience = Duration.seconds(60)
    private let runs = Mutex<[Int: (seed: UInt64, begun: ContinuousClock.Instant)]>([:])
    private let isOver = Atomic(false)

    init() {
        Thread.detachNewThread { [self] in
            while !isOver.load(ordering: .relaxed) {
                Thread.sleep(forTimeInterval: 1)
                let now = ContinuousClock.now
                let stuck = runs.withLock { $0.values.first { now - $0.begun > Self.patience }?.seed }
                if let stuck {
                    fatalError("seed \(stuck) does not end; HOLDFAST_SEED=\(stuck) runs it again")
                }
            }
        }
    }

    func begin(_ seed: UInt64, at place: Int) { runs.withLock { $0[place] = (seed, .now) } }

    func leave(_ place: Int) { runs.withLock { $0[place] = nil } }

    func end() { isOver.store(true, ordering: .relaxed) }
}

/// What was seen to happen over all seeds: a gateway that never does something breaks no promise about it.
final class Sights: Sendable {
    static let wanted = [
        "answered", "failed", "interrupted", "caller_left", "first ok", "failover ok", "retry ok",
        "splice ok",
        "hedge ok", "first outrun", "wait", "refused breaker", "refused cooling", "refused full", "flaw",
        "left unheard", "left in a stream", "no answer in time",
    ]

    private let counts = Mutex<[String: Int]>([:])

    subscript(sight: String) -> Int { counts.withLock { $0[sight] ?? 0 } }

    func note(_ scene: Scene) {
        for asked in scene.all {
            guard let decision = scene.gateway.decisions[asked.id] else { continue }
            let heard = asked.caller.heard
            var seen = Set(decision.steps.map(\.word) + [decision.ending.rawValue])
            if decision.flaw != nil { seen.insert("flaw") }
            if decision.ending == .callerLeft {
                seen.insert(heard.hasBegun ? "left in a stream" : "left unheard")
            }
            if case .attemptsFailed(let failure, _, _)? = heard.failure, failure.limit == .total {
                seen.insert("no answer in time")
            }
            counts.withLock { counts in for sight in seen { counts[sight, default: 0] += 1 } }
        }
    }

    /// All of it, the most frequent first.
    var all: String {
        counts.withLock { $0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.key): \($0.value)" }.joined(separator: "\n")
    }
}
