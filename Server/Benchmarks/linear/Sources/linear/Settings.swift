import Simulation
import Yams

@testable import Configuration

/// Files that an operator writes, or that a tool writes for it.
enum Settings {
    /// Reads every member and element as text, with the variables put in.
    private static func read(_ bytes: [UInt8]) {
        guard let root = try? Yams.compose(yaml: String(decoding: bytes, as: UTF8.self)) else { return }
        var reader = SettingsReader(file: "f", substitution: Substitution(environment: ["A": "b"]))
        let top = SettingsReader.Setting(node: root, path: "")
        _ = reader.members(of: top, known: ["server", "auth", "providers", "models", "logging"])
        for member in reader.namedMembers(of: top) {
            switch member.setting.node {
            case .mapping:
                for inner in reader.namedMembers(of: member.setting) { _ = reader.text(inner.setting) }
            case .sequence: for inner in reader.elements(of: member.setting) { _ = reader.text(inner) }
            default: _ = reader.text(member.setting)
            }
        }
    }

    static let readers = [
        Reader(
            name: "configuration",
            texts: [
                Text(numbered: "names", "models:\n") { "  model-\($0): { targets: [] }\n" },
                Text(numbered: "settings", "") { "setting-\($0): \($0)\n" },
                Text("elements", "a:\n", "- b\n"),
                Text("variables", "a: \"", "${A}", "\""), Text("dollars", "a: \"", "$", "\""),
                Text("a long text", "a: ", "b"), Text("lines of a text", "a: |\n", "  b\n"),
                Text("folded lines", "a: >\n", "  b\n\n"), Text("escapes", "a: \"", #"\u0041"#, "\""),
                Text("comments", "a: b\n", "# c\n"), Text("spaces", "a:", " ", "b"),
                Text(
                    "nesting", "a:\n",
                    "- " + String(repeating: "[", count: 90) + String(repeating: "]", count: 90) + "\n"),
                Text("same names", "", "a: b\n"), Text("aliases", "x: &x { a: b }\ny:\n", "- *x\n"),
            ], read: read),
        Reader(
            name: "world",
            texts: [
                Text("escapes", #"{"format":""#, #"\u0041"#, #""}"#),
                Text("elements", "[", "1", "]", between: ","),
                Text(numbered: "keys", "{", "}", between: ",") { #""key\#($0)":\#($0)"# },
                Text("objects", #"{"providers":["#, #"{"name":"a"}"#, "]}", between: ","),
                Text("nesting", "", "["),
            ]
        ) { _ = try? WorldFile(json: $0) },
    ]
}
