import Foundation
import Testing

extension Tidy {
    /// What every target may use without being listed.
    private static let free: Set = ["Synchronization", "Glibc", "Darwin", "Foundation", "Dispatch"]
    /// Targets that must do without Foundation.
    private static let lean: Set = [
        "Resilience", "ResilienceTesting", "Bytes", "JSON", "Generation", "Dialects", "HTTPMessage",
        "Routing",
        "Upstream", "Providers", "Gateway",
    ]

    /// The table of targets in ARCHITECTURE.md.
    private static func table() throws -> [String: Set<String>] {
        var table: [String: Set<String>] = [:]
        for line in try Repository.text("ARCHITECTURE.md").components(separatedBy: "\n")
        where line.hasPrefix("| ") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard cells.count == 5,
                !cells[1].isEmpty, Repository.sources.contains(where: { exists("\($0)/\(cells[1])") })
            else { continue }
            table[cells[1]] = Set(
                cells[3].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        }
        return table
    }

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: Repository.root.appendingPathComponent(path).path)
    }

    @Test func `targets import what the table of the architecture says, no more and no less`() throws {
        let table = try Self.table()
        var imports: [String: Set<String>] = [:]
        for file in Repository.sourceFiles {
            for line in file.lines {
                guard let match = line.firstMatch(of: #/^(?:public |package |internal )?import ([A-Za-z]+)/#)
                else { continue }
                imports[file.target, default: []].insert(String(match.1))
            }
        }
        let targets = Set(Repository.sourceFiles.map(\.target))
        #expect(targets == Set(table.keys))
        for target in targets.sorted() {
            let own = imports[target] ?? []
            #expect(own.subtracting(Self.free) == table[target] ?? [], "\(target)")
            if Self.lean.contains(target) {
                #expect(!own.contains("Foundation") && !own.contains("Dispatch"), "\(target) uses Foundation")
            }
        }
    }

    @Test func `there is one failover, which the gateway and the simulator share`() {
        let files = Repository.sourceFiles
        // What only a second one would need: to count retries of a target and to remember who may be asked again.
        let telling = ["retriesFirst", "retriesLast", "againAt"]
        for file in files
        where !file.path.contains("Server/Sources/Gateway/Execution/")
            && !file.path.hasSuffix("/Failures/Conduct.swift")
        {
            for (index, line) in file.lines.enumerated() where telling.contains(where: { line.contains($0) })
            {
                Issue.record("\(file.path):\(index + 1): failover belongs to Execution.StateMachine: \(line)")
            }
        }
        let machines = files.filter { file in
            file.lines.contains { $0.contains("struct StateMachine") } && !file.path.contains("/Resilience/")
        }
        #expect(machines.map(\.path).count == 1, "\(machines.map(\.path))")
        let play = files.filter { $0.path.contains("Server/Sources/Simulation/Play/") }
        #expect(play.contains { $0.lines.contains { $0.contains("Execution.StateMachine(") } })
    }
}
