import Foundation
import Testing

extension Tidy {
    /// The length above which a file must be listed in sizes.txt.
    private static let usual = 400

    @Test func `the longest files do not grow`() throws {
        var listed: [String: Int] = [:]
        for line in try Repository.text("Tests/Tidy/sizes.txt").split(separator: "\n")
        where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            if parts.count == 2 { listed[String(parts[1])] = Int(parts[0]) }
        }
        for file in Repository.sourceFiles {
            let length = file.lines.count, bound = listed[file.path] ?? Self.usual
            #expect(
                length <= bound,
                "\(file.path) has \(length) lines, more than \(bound): split it, or give a reason and raise sizes.txt"
            )
            if let bound = listed[file.path] {
                #expect(length > Self.usual, "\(file.path) has become short; take it out of sizes.txt")
                #expect(
                    bound - length < 40, "\(file.path) has shrunk to \(length); lower its line in sizes.txt")
            }
        }
        for path in listed.keys {
            #expect(
                FileManager.default.fileExists(atPath: Repository.root.appendingPathComponent(path).path),
                "\(path) is gone")
        }
    }
}
