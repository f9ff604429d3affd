import Foundation
import Testing

extension Tidy {
    /// What the tests of a suite say that says how long something may take.
    private static let measures = #"elapsed|flaws\(as|aftermath|ContinuousClock|pauses|took([^_]|$)"#

    @Test(arguments: ["Server/Tests/Acceptance", "Server/Tests/WallTests"])
    func `suites that measure time are tagged so, and no others`(folder: String) throws {
        let files = Repository.files(folder), measures = try Regex(Self.measures)
        let suite = #/@Suite(\((?s:.*?)\))?\s+struct (\w+)/#
        #expect(!files.isEmpty)
        for file in files {
            for match in file.lines.joined(separator: "\n").matches(of: suite) {
                let name = match.2, mark = "extension \(name) "
                let parts = files.filter { other in
                    other.path == file.path || other.lines.contains { $0.hasPrefix(mark) }
                }
                let isMeasured = parts.contains { $0.lines.contains { $0.contains(measures) } }
                let isTagged = match.1?.contains(".tags(.measuresTime)") ?? false
                #expect(isTagged == isMeasured, "\(file.path): \(name) measures time: \(isMeasured)")
            }
        }
    }
}
