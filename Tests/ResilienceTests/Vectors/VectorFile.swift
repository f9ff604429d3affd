import Foundation

/// One behaviour vector: settings, operations in order, and what must be seen after them.
struct Vector: Sendable {
    /// What a vector may say besides what is played.
    private static let remarks: Set = ["source", "note", "options"]

    var id: String
    var pattern: String
    var title: String
    var status: String
    var config: JSON
    var steps: [JSON]
    var expected: [JSON]
    /// Members that no vector has, and those of the wrong kind.
    var mistakes: [String] = []

    init(_ json: JSON) {
        func text(_ key: String, or other: String = "") -> String { json[key]?.string ?? other }
        id = text("id", or: "a vector without an id")
        pattern = text("pattern")
        title = text("title")
        status = text("status", or: "core")
        config = json["config"] ?? .object([:])
        steps = json["steps"]?.list ?? []
        expected = json["expected"]?.list ?? []
        let known = Self.remarks.union(["id", "pattern", "title", "status", "config", "steps", "expected"])
        mistakes = (json.members ?? [:]).keys.filter { !known.contains($0) }.sorted().map { "\($0): unknown" }
        if !["core", "variant", "derived"].contains(status) { mistakes.append("status: unknown") }
        if config.members == nil { mistakes.append("config: no object") }
        if steps.isEmpty { mistakes.append("steps: nothing is done") }
        if expected.isEmpty { mistakes.append("expected: nothing is wanted") }
    }

    init(_ text: String) throws { self.init(try JSON(text)) }
}

struct VectorFile {
    var vectors: [Vector]

    static func load(_ url: URL) throws -> VectorFile {
        let json = try JSONDecoder().decode(JSON.self, from: Data(contentsOf: url))
        guard let vectors = json["vectors"]?.list else { throw Unsupported("\(url.path): no vectors") }
        return VectorFile(vectors: vectors.map { Vector($0) })
    }

    private static func resource(_ name: String) -> URL? {
        Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "data")
    }

    /// The repository's own files: those of the sources, and one that uses every word; what is missing is left out.
    static let own = ["resilience", "words"].compactMap(resource)

    /// The repository's own files, and those named in HOLDFAST_VECTORS (separated by colons).
    static var all: [URL] {
        let named = (ProcessInfo.processInfo.environment["HOLDFAST_VECTORS"] ?? "").split(separator: ":")
        return own + named.map { URL(fileURLWithPath: String($0)) }
    }

    fileprivate static var vocabulary: URL? { resource("vocabulary") }
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
        guard let url = VectorFile.vocabulary else { throw Unsupported("a vocabulary that is missing") }
        return try JSONDecoder().decode(Vocabulary.self, from: Data(contentsOf: url)).withMeanings
    }

    /// With the words that only the page about meanings has.
    private var withMeanings: Vocabulary {
        var all = self
        for pattern in ["backoff", "retry"] {
            all.vocabulary[pattern]?.expected += ["min_delay_ms", "max_delay_ms"]
        }
        for operation in ["get", "start"] {
            all.vocabulary["cache"]?.ops[operation]?.append("pending")
        }
        return all
    }

    /// The places of `vector` whose words the vocabulary does not have.
    func unknownWords(in vector: Vector) -> [String] {
        guard let words = vocabulary[vector.pattern] else { return ["pattern: \(vector.pattern) is unknown"] }
        var unknown = vector.config.keyPaths.filter { !words.config.contains($0) }
            .map { "config.\($0): unknown" }
        for (index, step) in vector.steps.enumerated() {
            guard let name = step["op"]?.string, let fields = words.ops[name] else {
                unknown.append("steps[\(index)].op: unknown")
                continue
            }
            // What is inside a field is known to who reads it.
            unknown += (step.members ?? [:]).keys.filter { $0 != "op" && !fields.contains($0) }
                .map { "steps[\(index)].\($0): unknown" }
        }
        for (index, expectation) in vector.expected.enumerated() {
            unknown += expectation.keyPaths.filter { !words.expected.contains($0) }
                .map { "expected[\(index)].\($0): unknown" }
        }
        return unknown.sorted()
    }
}
