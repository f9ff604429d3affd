import Foundation
import Simulation
import Testing
import Wall

/// The same incidents in real time, against the real gateway, and in the simulator. Takes as long as the scenarios do,
/// so it runs on request only: `make live-worlds`.
@Suite(
    .serialized, .tags(.measuresTime),
    .enabled(
        if: ProcessInfo.processInfo.environment["HOLDFAST_LIVE"] != nil, "takes six minutes: make live-worlds"
    ))
struct LiveWorldTests {
    /// All of them, or those that HOLDFAST_LIVE names.
    private static var scenarios: [String] {
        let all = ["fast_outage", "hang", "brown_out", "rate_limit_storm"]
        let named =
            ProcessInfo.processInfo.environment["HOLDFAST_LIVE"]?.split(separator: ",").map(String.init) ?? []
        return all.filter { named.contains($0) }.isEmpty ? all : all.filter { named.contains($0) }
    }

    @Test(arguments: scenarios)
    func `success, failover and amplification are those of the simulation`(scenario: String) async throws {
        let url = GatewayProcess.root.appendingPathComponent("Worlds/live.json")
        let file = try WorldFile(json: Array(Data(contentsOf: url)))
        let chosen = try #require(file.scenario(named: scenario))
        let began = ContinuousClock.now
        let live = try await LiveWorld(chosen, in: file, seed: 1000).play()
        let took = began.duration(to: .now)
        let simulated = SimulationRun(chosen, of: file, seed: 1000).play(.adaptive).row
        let table = """

            | \(scenario) | requests | success | failover < 5 s | attempts for each | first try | mean latency | duration |
            |---|---|---|---|---|---|---|---|
            | gateway | \(live.requests) | \(live.success.percent) | \(live.failoverUnderFiveSeconds.percent) | \
            \(live.amplification.three) | \(live.firstTry.percent) | \(live.latency.three) s | \(took.seconds.three) s |
            | simulation | \(simulated.requests) | \(simulated.success.percent) | \
            \(simulated.failoverUnderFiveSeconds.percent) | \(simulated.amplification.three) | \
            \(simulated.firstTry.percent) | \(simulated.latencyMean.three) s | |

            """
        FileHandle.standardError.write(Data(table.utf8))
        #expect(live.requests >= 2000 && live.requests == simulated.requests)
        #expect(abs(live.success - simulated.success) <= 0.01, "\(table)")
        #expect(abs(live.failoverUnderFiveSeconds - simulated.failoverUnderFiveSeconds) <= 0.01, "\(table)")
        #expect(abs(live.amplification - simulated.amplification) <= 0.01, "\(table)")
    }
}

extension Double {
    fileprivate var percent: String { String(format: "%.2f %%", self * 100) }
    fileprivate var three: String { String(format: "%.3f", self) }
}

extension Duration {
    fileprivate var seconds: Double { self / .seconds(1) }
}
