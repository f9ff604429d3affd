import Foundation

@testable import Simulation

/// Files of worlds for tests.
enum Worlds {
    /// One of the files that come with the repository.
    static func bytes(_ name: String) throws -> [UInt8] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return Array(try Data(contentsOf: root.appendingPathComponent("Worlds/\(name).json")))
    }

    static func file(_ name: String) throws -> WorldFile { try WorldFile(json: bytes(name)) }

    /// A small file without mistakes, which uses every member of the format.
    static func small() throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: Data(smallText.utf8))
    }

    private static let smallText = """
        {"format": "selection-world/1", "deadline_s": 20, "sources": ["made up"],
         "providers": [\(provider("ash", burst: 2)), \(provider("birch", burst: 4))],
         "token_table": [[1000, 100], [10, 0]],
         "utility": {"success": 1, "quality_per_point": 0.1, "quality_ref": 8, "latency_per_s": 0.05,
            "cost_per_dollar": 30, "min_quality": 8},
         "rng_test_vectors": [{"seed": 1, "stream": 1, "a": 0, "b": 0, "key": "8927759130572708724",
            "u0": 0.25, "u1": 0.5, "z": [-0.5, 1.5]}],
         "scenarios": [
          {"name": "calm", "duration": 100, "arrival": {"base_rps": 2}},
          {"name": "rough", "duration": 100, "bad_request_prob": 0.1, "estimate_sigma": 0,
           "arrival": {"base_rps": 2, "segments": [[10, 20, 3], [15, 30, 0.5]], "daily_amplitude": 0.5},
           "provider_overrides": {"birch": {"error_prob": 0.25, "limit_rps": 3}},
           "incidents": [
            {"providers": ["birch", "ash"], "start": 5, "duration": 50, "shape": "flap", "period": 8, "duty": 0.25,
             "error": 0.5, "min_input_tokens": 100},
            {"providers": ["ash"], "start": 40, "duration": 40, "shape": "ramp", "hang": 0.5, "ttft_mult": 5,
             "itl_mult": 2, "limit_mult": 0.5, "quality_fail": 0.25, "kind": "unknown members are ignored"}]}]}
        """

    private static func provider(_ name: String, burst: Int) -> String {
        """
        {"name": "\(name)", "price_in_per_mtok": 2, "price_out_per_mtok": 10, "quality": 9, "quality_fail": 0.01,
         "ttft_median_s": 0.5, "ttft_sigma": 0.2, "itl_median_s": 0.02, "itl_sigma": 0.1, "tail_prob": 0.01,
         "tail_mult": 10, "error_prob": 0.01, "hang_prob": 0.001, "limit_rps": 1, "limit_burst": \(burst),
         "soft_concurrency": 2}
        """
    }
}

/// A step from a JSON value into one of its parts.
enum Step: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case member(String), element(Int)

    init(stringLiteral name: String) { self = .member(name) }
    init(integerLiteral index: Int) { self = .element(index) }
}

extension JSONValue {
    /// The same document with another value at a place; with none there, when that is nil.
    func with(_ value: JSONValue?, at path: ArraySlice<Step>) -> JSONValue {
        guard let step = path.first else { return value ?? .null }
        let rest = path.dropFirst()
        switch (step, self) {
        case (.member(let name), .members(var members)):
            members[name] =
                rest.isEmpty ? value : members[name]?.with(value, at: rest)
            return .members(members)
        case (.element(let index), .list(var list)) where list.indices.contains(index):
            if rest.isEmpty, value == nil {
                list.remove(at: index)
            } else {
                list[index] = list[index].with(value, at: rest)
            }
            return .list(list)
        default: return self
        }
    }

    func with(_ value: JSONValue?, at path: Step...) -> JSONValue { with(value, at: path[...]) }

    /// The value at a place.
    subscript(path: Step...) -> JSONValue? {
        path.reduce(self as JSONValue?) { value, step in
            switch (step, value) {
            case (.member(let name), .members(let members)?): members[name]
            case (.element(let index), .list(let list)?) where list.indices.contains(index): list[index]
            default: nil
            }
        }
    }

    /// The paths of all values in it, its own included.
    var paths: [[Step]] {
        switch self {
        case .list(let list):
            [[]] + list.enumerated().flatMap { index, value in value.paths.map { [.element(index)] + $0 } }
        case .members(let members):
            [[]]
                + members.sorted { $0.key < $1.key }.flatMap { name, value in
                    value.paths.map { [.member(name)] + $0 }
                }
        default: [[]]
        }
    }
}
