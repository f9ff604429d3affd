import Foundation
import Testing

@Suite struct Vectors {
    @Test(arguments: VectorFile.all)
    func `behaviour vectors hold`(file: URL) async throws {
        let vectors = try VectorFile.load(file).vectors
        var ran = 0
        for vector in vectors {
            switch await VectorRunner.run(vector) {
            case .passed: ran += 1
            case .failed(let reasons):
                ran += 1
                // Where libraries disagree, a foreign file cannot know what we decided; it is told, not judged.
                if vector.status == "variant" && VectorRunner.decisions[vector.id] == nil {
                    print("variant \(vector.id) (\(vector.title)) is decided otherwise here: \(reasons)")
                } else {
                    for reason in reasons { Issue.record("\(vector.id) (\(vector.title)): \(reason)") }
                }
            }
        }
        print("\(file.lastPathComponent): \(ran) ran, none skipped")
        #expect(ran > 0, "nothing of \(file.lastPathComponent) ran")
    }

    @Test func `an unknown pattern, operation, key or field fails`() async throws {
        func vector(
            pattern: String = "circuit_breaker", config: String = "{}", step: String, expected: String = ""
        ) throws -> Vector {
            let text = """
                {"id": "x", "pattern": "\(pattern)", "title": "", "status": "core", "config": \(config),
                 "steps": [\(step)], "expected": [\(expected)]}
                """
            return try JSONDecoder().decode(Vector.self, from: Data(text.utf8))
        }
        let strangers = [
            try vector(pattern: "teleporter", step: #"{"op": "acquire"}"#),
            try vector(step: #"{"op": "levitate"}"#),
            try vector(config: #"{"colour": "red"}"#, step: #"{"op": "acquire"}"#),
            try vector(step: #"{"op": "acquire", "politely": true}"#),
            try vector(step: #"{"op": "acquire"}"#, expected: #"{"after": 0, "mood": "good"}"#),
        ]
        for stranger in strangers {
            guard case .failed = await VectorRunner.run(stranger) else {
                Issue.record("passed: \(stranger)")
                continue
            }
        }
    }
}
