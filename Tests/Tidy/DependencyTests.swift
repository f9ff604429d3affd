import Foundation
import Testing

extension Tidy {
    private struct Resolved: Decodable {
        struct Pin: Decodable {
            struct State: Decodable { var version: String? }
            var identity: String
            var state: State
        }
        var pins: [Pin]
    }

    /// What the manifest does not pin is resolved within a major version, as everywhere in Swift; the list says
    /// which version was looked at.
    @Test func `S32: the packages of the build are those that were looked at, and no others`() throws {
        let data = Data(try Repository.text("Server/Package.resolved").utf8)
        let found = try JSONDecoder().decode(Resolved.self, from: data).pins
            .map { Self.line($0.identity, $0.state.version ?? "none") }
        let listed = try Repository.text("Tests/Tidy/dependencies.txt").split(separator: "\n")
            .filter { !$0.hasPrefix("#") }.map { $0.split(separator: " ").map(String.init) }
            .map { Self.line($0[0], $0[1]) }
        let new = Set(found).subtracting(listed), gone = Set(listed).subtracting(found)
        #expect(new.isEmpty, "not in dependencies.txt: \(new.sorted())")
        #expect(gone.isEmpty, "in dependencies.txt, but not used: \(gone.sorted())")
    }

    private static func line(_ identity: String, _ version: String) -> String {
        "\(identity) \(version.prefix { $0 != "." })"
    }

    @Test func `S32: every package is taken at one exact version, and none runs code while building`() throws
    {
        let manifest = try Repository.text("Server/Package.swift")
        for line in manifest.split(separator: "\n") where line.contains(".package(url:") {
            #expect(line.contains("exact:"), "\(line)")
        }
        #expect(!manifest.contains(".plugin("))
    }

    @Test func `the package of the library depends on no other`() throws {
        let manifest = try Repository.text("Package.swift")
        #expect(!manifest.contains(".package(") && !manifest.contains(".plugin("))
    }

    @Test func `there is one version: that of the binary, the newest of the changes and the list of the API`()
        throws
    {
        let binary = try Repository.text("Server/Sources/holdfast/Holdfast.swift")
        let version = try #require(binary.firstMatch(of: #/version = "(\d+\.\d+\.\d+)"/#)?.1)
        let newest = try Repository.text("CHANGELOG.md").firstMatch(of: #/\n## (\d+\.\d+\.\d+)/#)?.1
        #expect(newest == version)
        for product in ["Resilience", "ResilienceTesting"] {
            let list = try Repository.text("docs/api/\(product).txt")
            #expect(list.hasPrefix("# \(version)\n"), "docs/api/\(product).txt: write it anew by `make api`")
        }
    }
}
