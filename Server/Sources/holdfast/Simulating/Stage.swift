import Foundation
import Resilience
import Routing
import Simulation

/// Plays every policy in every scenario with every seed, as many at a time as there are processors.
struct Stage: Sendable {
    var name: String
    var file: WorldFile
    var scenarios: [WorldFile.Scenario]
    var policies: [PolicyName]
    var seeds: ClosedRange<UInt64>
    var weights: AdaptiveWeights?
    var comparesWithOracle: Bool

    /// One play that is to be done.
    private struct Part: Sendable {
        var policy: PolicyName
        var scenario: Int
        var seed: UInt64
    }

    private struct Done: Sendable {
        var part: Part
        var row: SimulationRow
        var timeline: SimulationTimeline
    }

    private static let oracle = PolicyName.oracleBid

    func play(showsProgress: Bool) async -> SimulationReport {
        let parts = parts, time = TimeSource(), began = time.now
        var done: [Done] = []
        await withTaskGroup(of: Done.self) { group in
            var waiting = parts.makeIterator()
            for _ in 0..<max(1, ProcessInfo.processInfo.activeProcessorCount) {
                if let part = waiting.next() { group.addTask { self.play(part) } }
            }
            for await result in group {
                done.append(result)
                if let part = waiting.next() { group.addTask { self.play(part) } }
                if showsProgress { show(done.count, of: parts.count, after: time.now.since(began)) }
            }
        }
        if showsProgress { write("\r" + String(repeating: " ", count: 79) + "\r") }
        return report(done)
    }

    private var parts: [Part] {
        let extra = comparesWithOracle && !policies.contains(Self.oracle) ? [Self.oracle] : []
        return (policies + extra).flatMap { policy in
            scenarios.indices.flatMap { scenario in
                seeds.map { Part(policy: policy, scenario: scenario, seed: $0) }
            }
        }
    }

    private func play(_ part: Part) -> Done {
        let run = SimulationRun(scenarios[part.scenario], of: file, seed: part.seed, weights: weights)
        let (row, timeline) = run.play(part.policy)
        return Done(part: part, row: row, timeline: timeline)
    }

    private func report(_ done: [Done]) -> SimulationReport {
        var oracle: [String: Double] = [:]
        for result in done where result.part.policy == Self.oracle {
            oracle["\(result.row.scenario) \(result.row.seed)"] = result.row.utility
        }
        let shown = done.filter { policies.contains($0.part.policy) }.sorted {
            place($0.part) < place($1.part)
        }
        let rows = shown.map { result in
            var row = result.row
            row.percentOfOracle = oracle["\(row.scenario) \(row.seed)"].map { row.utility / $0 * 100 }
            return row
        }
        return SimulationReport(
            world: name, rows: rows, timelines: shown.map(\.timeline),
            incidents: Dictionary(scenarios.map { ($0.name, $0.shownIncidents) }) { first, _ in first },
            oracles: Set(PolicyName.allCases.filter(\.isOracle).map(\.rawValue)))
    }

    /// The place in the order in which they were asked for.
    private func place(_ part: Part) -> (Int, Int, UInt64) {
        (policies.firstIndex(of: part.policy) ?? policies.count, part.scenario, part.seed)
    }

    // MARK: Progress

    private func show(_ count: Int, of total: Int, after elapsed: Duration) {
        write(ProgressBar().line(done: count, total: total, elapsed: elapsed))
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

extension WorldFile.Scenario {
    fileprivate var shownIncidents: [SimulationReport.Incident] {
        incidents.map { incident in
            SimulationReport.Incident(
                start: incident.start, end: incident.start + incident.duration,
                providers: incident.providers.map { providers[$0].name }, label: incident.effect.words)
        }
    }
}

extension WorldFile.Effect {
    /// What it does, in a few words.
    fileprivate var words: String {
        var words: [String] = []
        if errorShare > 0 { words.append("\(Int(errorShare * 100)) % errors") }
        if hangShare > 0 { words.append("\(Int(hangShare * 100)) % hang") }
        if firstTokenMultiple != 1 || tokenMultiple != 1 {
            words.append("latency x\(firstTokenMultiple), x\(tokenMultiple) a token")
        }
        if limitMultiple != 1 { words.append("limit x\(limitMultiple)") }
        if invalidShare > 0 { words.append("\(Int(invalidShare * 100)) % invalid answers") }
        return words.isEmpty ? "nothing" : words.joined(separator: ", ")
    }
}
