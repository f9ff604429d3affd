import Foundation
import Testing

extension Tidy {
    /// A table of the architecture that says which folders of a target use which others of it.
    private struct FolderTable {
        var target: String
        var uses: [String: Set<String>] = [:]
    }

    /// The tables whose first heading is `folder of TARGET`.
    private static func folderTables() throws -> [FolderTable] {
        var tables: [FolderTable] = [], isInside = false
        for line in try Repository.text("ARCHITECTURE.md").components(separatedBy: "\n") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard cells.count == 5 else {
                isInside = false
                continue
            }
            if cells[1].hasPrefix("folder of ") {
                tables.append(FolderTable(target: String(cells[1].dropFirst("folder of ".count))))
                isInside = true
            } else if isInside, !cells[1].hasPrefix("-") {
                tables[tables.count - 1].uses[cells[1]] = Set(
                    cells[3].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
            }
        }
        return tables
    }

    @Test
    func `folders of a target use those that the table of the architecture says, and arrows go one way`()
        throws
    {
        let tables = try Self.folderTables()
        #expect(tables.map(\.target) == ["Gateway", "GatewayHTTP"])
        for table in tables {
            let found = FolderGraph(of: table.target)
            #expect(found.folders == Set(table.uses.keys), "\(table.target)")
            for folder in found.folders.sorted() {
                let uses = found.uses(folder), listed = table.uses[folder] ?? []
                for extra in uses.keys.filter({ !listed.contains($0) }).sorted() {
                    Issue.record("\(table.target)/\(folder) uses \(extra): \(uses[extra] ?? "")")
                }
                for gone in listed.subtracting(uses.keys).sorted() {
                    Issue.record("\(table.target)/\(folder) does not use \(gone) any more")
                }
            }
            #expect(Self.isAcyclic(table.uses), "the folders of \(table.target) use each other in a circle")
        }
    }

    private static func isAcyclic(_ uses: [String: Set<String>]) -> Bool {
        var left = uses
        while !left.isEmpty {
            let free = left.filter { $0.value.isDisjoint(with: left.keys) }.map(\.key)
            if free.isEmpty { return false }
            for folder in free { left[folder] = nil }
        }
        return true
    }
}

/// Which folders of a target use others of it, as far as names tell: the types that stand at the top of a file, and members
/// that an extension adds, if nothing else of the target has their name. Files that stand in no folder may use all of them.
private struct FolderGraph {
    private var files: [(folder: String, path: String, lines: [Substring])] = []
    /// The folder in which each name is declared.
    private var types: [Substring: String] = [:]
    private var members: [Substring: String] = [:]
    let folders: Set<String>

    init(of target: String) {
        for file in Repository.sourceFiles where file.target == target {
            let parts = file.path.split(separator: "/").drop { $0 != "Sources" }.dropFirst(2)
            guard parts.count > 1, let folder = parts.first else { continue }
            files.append((String(folder), file.path, file.lines.map(Self.code)))
        }
        folders = Set(files.map(\.folder))
        var declared: [Substring: Int] = [:]
        for file in files {
            var extended: Substring?
            for line in file.lines {
                if let match = line.firstMatch(of: #/^(?:public |package )?extension ([A-Z][\w.]*)/#) {
                    extended = match.1
                } else if line.hasPrefix("}") {
                    extended = nil
                } else if let name = Self.type(line) {
                    types[name] = file.folder
                }
                guard let name = Self.member(line) else { continue }
                declared[name, default: 0] += 1
                let isNew = extended != nil && line.prefix { $0 == " " }.count == 4
                if isNew, !line.contains("private") { members[name] = file.folder }
            }
        }
        // Every type may have a description.
        members = members.filter { declared[$0.key] == 1 && $0.key != "description" }
    }

    /// A line without comments and plain strings.
    private static func code(_ line: String) -> Substring {
        let bare = line.replacing(#/"(?:[^"\\]|\\[^(])*"/#, with: "\"\"")
        return bare.firstRange(of: "//").map { bare[..<$0.lowerBound] } ?? bare[...]
    }

    private static func type(_ line: Substring) -> Substring? {
        line.firstMatch(
            of:
                #/^(?:public |package |final |indirect )*(?:struct|class|enum|protocol|actor|typealias) ([A-Z]\w*)/#
        )?.1
    }

    private static func member(_ line: Substring) -> Substring? {
        line.firstMatch(of: #/(?:func|var|let|case) `?([a-z]\w{3,})/#)?.1
    }

    /// The other folders that `folder` uses, each with a place where it does.
    func uses(_ folder: String) -> [String: String] {
        var uses: [String: String] = [:]
        for file in files where file.folder == folder {
            for (number, line) in file.lines.enumerated() {
                let names =
                    line.matches(of: #/(?:^|[^.\w])([A-Z]\w*)/#).compactMap { types[$0.1] }
                    + line.matches(of: #/\.([a-z]\w*)/#).compactMap { members[$0.1] }
                for other in names where other != folder {
                    uses[other] = uses[other] ?? "\(file.path):\(number + 1)"
                }
            }
        }
        return uses
    }
}
