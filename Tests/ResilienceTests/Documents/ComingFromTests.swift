import Foundation
import Testing

/// The tables for those who come from another library: what they name is in code that is compiled, or said to be missing.
@Suite struct ComingFromTests {
    private static let names = ["Coming-From-Polly", "Coming-From-Resilience4j", "Coming-From-Tenacity"]

    /// The names of declarations in a cell: the last part of each link, and each word of other code.
    private static func declarations(in cell: String) -> [String] {
        let links = cell.matches(of: #/``([^`]+)``/#).map { String($0.1) }
        let code = cell.replacing(#/``[^`]+``/#, with: "").matches(of: #/`([^`]+)`/#).map { String($0.1) }
        let last = links.map { link in
            String(link.split(separator: "/").last ?? "").prefix { $0 != "(" }
        }
        let words = code.flatMap { $0.matches(of: #/[A-Za-z_][A-Za-z_]+/#).map { camelCased(String($0.0)) } }
        return last.map(String.init) + words
    }

    /// Reasons stand in tables as they are written in logs.
    private static func camelCased(_ name: String) -> String {
        let parts = name.split(separator: "_")
        return parts.prefix(1).joined()
            + parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// The words of the Swift blocks of an article.
    private static func words(of article: Article) -> Set<String> {
        var words: Set<String> = [], isCode = false
        for line in article.lines {
            if line.hasPrefix("```") {
                isCode = line == "```swift"
            } else if isCode {
                let code = line.split(separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
                words.formUnion(code.matches(of: #/[A-Za-z_][A-Za-z0-9_]*/#).map { String($0.0) })
            }
        }
        return words
    }

    @Test(arguments: names)
    func `every row that names a declaration has it in a block that is compiled`(name: String) throws {
        let article = try #require(try Article.all().first { $0.name == name })
        let words = Self.words(of: article)
        var rows = 0
        for line in article.lines where line.hasPrefix("| ") {
            let cells = line.replacing(#/\\\|/#, with: "/").split(
                separator: "|", omittingEmptySubsequences: false
            )
            .map { $0.trimmingCharacters(in: .whitespaces) }
            // Tables with defaults have our name in their third column, others in their second.
            let cell = cells.count > 5 ? cells[3] : cells[2]
            let names = Self.declarations(in: cell)
            if !names.isEmpty { rows += 1 }
            for name in names where !words.contains(name) {
                Issue.record("\(article.name): no block uses \(name) of this row: \(line)")
            }
        }
        #expect(rows > 20, "\(article.name): only \(rows) rows name a declaration")
    }
}
