import Foundation
import Testing
import Wall

/// A hundred callers at a time, while three of ten answers of P go wrong in some way: each of them gets a right answer,
/// a stream that says that it broke, or an error with a code, and in the end nothing is left behind.
///
/// HOLDFAST_SOAK_SECONDS says how long, HOLDFAST_SOAK_SEED what happens.
@Suite(.serialized) struct Soak {
    private static let plan = SoakPlan(seed: SoakPlan.seed)

    /// The decisions that a gateway remembers; only when it has made so many does its memory say anything.
    private static let remembered = 4096
    /// How many it makes before it is measured. What a short soak adds to them is less than what may be added.
    private static let warmUp = SoakPlan.seconds < 60 ? 1000 : remembered

    @Test func `nothing is cut short in secret and nothing is left behind`() async throws {
        let stage = try await SoakStage(Self.plan)
        let flaws = try await Self.flaws(
            of: stage, "calm lines", for: .seconds(SoakPlan.seconds), warmUp: Self.warmUp)
        try requireFlawless(flaws)
    }

    @Test func `nor when the line to a provider is bad`() async throws {
        let stage = try await SoakStage(Self.plan, toxic: .toProvider)
        let flaws = try await Self.flaws(
            of: stage, "a bad line to P", for: Self.short, warmUp: Self.warmUp)
        try requireFlawless(flaws)
    }

    @Test func `nor when the lines to the callers are bad`() async throws {
        let stage = try await SoakStage(Self.plan, toxic: .toCaller)
        let flaws = try await Self.flaws(
            of: stage, "bad lines to callers", for: Self.short, warmUp: Self.warmUp, mayBeCut: true)
        try requireFlawless(flaws)
    }

    /// The time for a variant.
    private static let short = Duration.seconds(max(5, min(60, SoakPlan.seconds / 4)))

    private static func flaws(
        of stage: SoakStage, _ name: String, for time: Duration, warmUp: Int, mayBeCut: Bool = false
    ) async throws -> [String] {
        var flaws = Flaws()
        let fresh = stage.holding
        stage.failing.value = true
        var callers = SoakCallers(stage: stage, mayBeCut: mayBeCut)
        let weather = stage.proxy.map { SoakWeather(proxy: $0, seed: plan.seed) }
        flaws += try await callers.run(for: .seconds(2), atLeast: warmUp).flaws
        flaws += try await stage.settle()
        let before = stage.holding

        stage.failing.value = true
        callers.firstRound = 1_000_000
        let blowing = Task { await weather?.blow() }
        let tally = try await callers.run(for: time)
        blowing.cancel()
        await blowing.value
        flaws += tally.flaws
        let busy = stage.gateway.residentMegabytes
        flaws += try await stage.settle()
        let after = stage.holding

        flaws += leftBehind(before, after)
        flaws.expect(stage.gateway.isRunning, "it has ended: \(stage.gateway.standardError.suffix(500))")
        let asked = stage.askedOfP
        flaws.expect(
            asked.calls > tally.total / 4, "P was asked \(asked.calls) times only: too little to soak")
        print("soak, \(name), seed \(plan.seed), \(time): \(tally.summary)")
        print("  P was asked \(asked.calls) times and charges for \(asked.charged)")
        print("  fresh: \(fresh); warm: \(before); busy: \(busy) MiB; in the end: \(after)")
        return flaws.texts.of("\(name), seed \(plan.seed)")
    }

    /// What is more in the end than in the beginning: 5 %, or as much as the system's allocator and timing account for.
    private static func leftBehind(_ before: SoakStage.Holding, _ after: SoakStage.Holding) -> [String] {
        var flaws = Flaws()
        flaws.expect(
            after.megabytes <= before.megabytes + max(8, before.megabytes * 0.05),
            "memory grew from \(before.megabytes) to \(after.megabytes) MiB")
        flaws.expect(
            after.descriptors <= before.descriptors + max(3, before.descriptors / 20),
            "descriptors grew from \(before.descriptors) to \(after.descriptors)")
        flaws.expect(
            after.keptConnections <= 2 * SoakPlan.callers, "\(after.keptConnections) connections are kept")
        return flaws.texts
    }
}
