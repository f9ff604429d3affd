import Foundation

/// The files of this package, for tests about the code itself.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A file of Swift code.
    struct File {
        /// The path from the package's root.
        var path: String
        var lines: [String]

        /// The target that the file belongs to.
        var target: String { String(path.split(separator: "/")[1]) }
    }

    /// The files below a folder of the package.
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
