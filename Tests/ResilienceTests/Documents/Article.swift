import Foundation

/// An article of the library's documentation, as far as tests look into it.
struct Article {
    /// A table below a heading that names a type.
    struct Table {
        var type: String
        /// The first cells of each row: the first two without the marks of code; the range as it stands.
        var rows: [(name: String, value: String, range: String)] = []
    }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Sources/Resilience/Resilience.docc")

    var name: String
    var lines: [String]

    static func all() throws -> [Article] {
        let testing = folder.appendingPathComponent("../../ResilienceTesting/ResilienceTesting.docc")
        return try [folder, testing.standardizedFileURL].flatMap { folder in
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            return try files.filter { $0.hasSuffix(".md") }.sorted().map { file in
                let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
                return Article(name: String(file.dropLast(3)), lines: text.components(separatedBy: "\n"))
            }
        }
    }

    /// The source files of the library, which are read like articles.
    static func sources() throws -> [Article] {
        let top = folder.deletingLastPathComponent().resolvingSymlinksInPath()
        let names = FileManager.default.enumerator(atPath: top.path)?.compactMap { $0 as? String } ?? []
        return try names.filter { $0.hasSuffix(".swift") }.sorted().map { name in
            let text = try String(contentsOf: top.appendingPathComponent(name), encoding: .utf8)
            return Article(name: name, lines: text.components(separatedBy: "\n"))
        }
    }

    /// The headings of the second level.
    var sections: [String] { lines.filter { $0.hasPrefix("## ") }.map { String($0.dropFirst(3)) } }

    /// The tables of the section "Defaults" that stand below a heading with a type.
    var defaults: [Table] {
        var tables: [Table] = [], isInSection = false, isSettings = false, type: String?
        for line in lines {
            if line.hasPrefix("## ") { (isInSection, type) = (line == "## Defaults", nil) }
            guard isInSection else { continue }
            if line.hasPrefix("### ``") {
                let name = String(line.dropFirst(4)).replacing("`", with: "").replacing("/", with: ".")
                type = name
                tables.append(Table(type: name))
            }
            if !line.hasPrefix("|") { isSettings = false }
            if line.hasPrefix("| Setting | Default |") { isSettings = true }
            guard type != nil, isSettings, line.hasPrefix("| `") else { continue }
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            tables[tables.count - 1].rows.append(
                (cells[0].replacing("`", with: ""), cells[1].replacing("`", with: ""), cells[2]))
        }
        return tables
    }
}
