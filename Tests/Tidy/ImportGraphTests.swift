import Foundation
import Testing

extension Tidy {
    /// What every target may use without being listed.
    private static let free: Set = ["Synchronization", "Glibc", "Darwin", "Foundation", "Dispatch"]
    /// Targets that must do without Foundation.
    private static let lean: Set = [
        "Resilience", "ResilienceTesting", "Generation", "HTTPMessage", "Routing", "Upstream", "Providers",
        "Gateway",
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
                FileManager.default.fileExists(
                    atPath: Repository.root.appendingPathComponent("Sources/\(cells[1])").path),
                !cells[1].isEmpty
            else { continue }
            table[cells[1]] = Set(
                cells[3].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        }
        return table
    }

    @Test func `targets import what the table of the architecture says, no more and no less`() throws {
        let table = try Self.table()
        var imports: [String: Set<String>] = [:]
        for file in Repository.files("Sources") {
            for line in file.lines {
                guard let match = line.firstMatch(of: #/^(?:public |package |internal )?import ([A-Za-z]+)/#)
                else { continue }
                imports[file.target, default: []].insert(String(match.1))
            }
        }
        let targets = Set(Repository.files("Sources").map(\.target))
        #expect(targets == Set(table.keys))
        for target in targets.sorted() {
            let own = imports[target] ?? []
            #expect(own.subtracting(Self.free) == table[target] ?? [], "\(target)")
            if Self.lean.contains(target) {
                #expect(!own.contains("Foundation") && !own.contains("Dispatch"), "\(target) uses Foundation")
            }
        }
    }
}
