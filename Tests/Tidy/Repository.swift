import Foundation

/// The files of both packages, the library's in the root and the gateway's in Server, for tests about the code itself.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A file of Swift code.
    struct File {
        /// The path from the repository's root.
        var path: String
        var lines: [String]

        /// The target that the file belongs to.
        var target: String {
            String(path.split(separator: "/").drop { $0 != "Sources" }.dropFirst().first ?? "none")
        }
    }

    /// The folders with the targets of the packages.
    static let sources = ["Sources", "Server/Sources"]

    /// The sources of both packages.
    static var sourceFiles: [File] { sources.flatMap(files) }

    /// The files below a folder of the repository.
    static func files(_ folder: String) -> [File] {
        let top = root.appendingPathComponent(folder)
        let names = FileManager.default.enumerator(atPath: top.path)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(".swift") }.sorted().map { name in
            let text = (try? String(contentsOf: top.appendingPathComponent(name), encoding: .utf8)) ?? ""
            return File(path: "\(folder)/\(name)", lines: text.components(separatedBy: "\n"))
        }
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}
