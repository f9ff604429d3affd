import Foundation

/// One behaviour vector: settings, operations in order, and what must be seen after them.
struct Vector: Decodable {
    var id: String
    var pattern: String
    var title: String
    var status: String
    var config: JSON
    var steps: [JSON]
    var expected: [JSON]

    /// What is expected after a step.
    func expectations(after step: Int) -> [JSON] {
        expected.filter { $0["after"]?.int == step }
    }
}

struct VectorFile: Decodable {
    var vectors: [Vector]

    static func load(_ url: URL) throws -> VectorFile {
        try JSONDecoder().decode(VectorFile.self, from: Data(contentsOf: url))
    }

    /// The repository's own file; nil if it is missing.
    static let own = Bundle.module.url(
        forResource: "resilience", withExtension: "json", subdirectory: "data")

    /// The repository's own file, and those named in HOLDFAST_VECTORS (separated by colons).
    static var all: [URL] {
        let named = (ProcessInfo.processInfo.environment["HOLDFAST_VECTORS"] ?? "").split(separator: ":")
        return [own].compactMap(\.self) + named.map { URL(fileURLWithPath: String($0)) }
    }
}

/// Everything that vectors may say, by pattern. A word outside it is a failure, never a skip.
struct Vocabulary: Decodable {
    struct Pattern: Decodable {
        var config: [String]
        var ops: [String: [String]]
        var expected: [String]
    }

    var vocabulary: [String: Pattern]

    /// The repository's own, or why it cannot be read.
    static let shared = Result {
        let url = Bundle.module.url(forResource: "vocabulary", withExtension: "json", subdirectory: "data")
        guard let url else { throw Unsupported("a vocabulary that is missing") }
        return try JSONDecoder().decode(Vocabulary.self, from: Data(contentsOf: url))
    }

    /// The words of `vector` that the vocabulary does not have.
    func unknownWords(in vector: Vector) -> [String] {
        guard let words = vocabulary[vector.pattern] else { return ["pattern \(vector.pattern)"] }
        var unknown = vector.config.keyPaths.filter { !words.config.contains($0) }.map { "config key \($0)" }
        for step in vector.steps {
            let name = step["op"]?.string ?? "?"
            guard let fields = words.ops[name] else {
                unknown.append("operation \(name)")
                continue
            }
            // Nested attempts of "run" carry their own small records; only the fields of the step are checked.
            unknown += (step.members ?? [:]).keys.filter { $0 != "op" && !fields.contains($0) }
                .map { "field \($0) of operation \(name)" }
        }
        for expectation in vector.expected {
            unknown += expectation.keyPaths.filter { !words.expected.contains($0) }.map {
                "expected key \($0)"
            }
        }
        return unknown
    }
}
