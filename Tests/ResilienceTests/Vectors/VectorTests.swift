import Foundation
import Testing

@Suite struct Vectors {
    @Test func `the repository's own vectors and their vocabulary are there`() throws {
        #expect(VectorFile.own.count == 2 && Array(VectorFile.all.prefix(2)) == VectorFile.own)
        let vectors = try VectorFile.own.flatMap { try VectorFile.load($0).vectors }
        #expect(vectors.count >= 112)
        #expect(Set(vectors.map(\.id)).count == vectors.count)
        #expect(try Vocabulary.shared.get().vocabulary.keys.contains("circuit_breaker"))
    }

    @Test(arguments: VectorFile.all)
    func `behaviour vectors hold`(file: URL) throws {
        let vectors = try VectorFile.load(file).vectors, isOwn = VectorFile.own.contains(file)
        for vector in vectors {
            switch VectorRunner.run(vector) {
            case .passed: break
            // Where libraries disagree, a foreign file cannot know what we decided; it is told, not judged.
            case .failed(let reasons)
            where !isOwn && vector.status == "variant" && VectorRunner.decisions[vector.id] == nil:
                print("variant \(vector.id) (\(vector.title)) is decided otherwise here: \(reasons)")
            case .failed(let reasons), .refused(let reasons):
                for reason in reasons { Issue.record("\(vector.id) (\(vector.title)): \(reason)") }
            }
        }
        // What is refused is a failure, so that nothing is ever skipped.
        print("\(file.lastPathComponent): \(vectors.count) ran, 0 skipped")
        #expect(!vectors.isEmpty, "nothing of \(file.lastPathComponent) ran")
    }

    @Test func `every word of the vocabulary is used by a vector of our own`() throws {
        let file = try #require(VectorFile.own.last), vectors = try VectorFile.load(file).vectors
        for (pattern, words) in try Vocabulary.shared.get().vocabulary {
            let vectors = vectors.filter { $0.pattern == pattern }
            #expect(Set(vectors.flatMap(\.config.keyPaths)) == Set(words.config), "\(pattern): config")
            #expect(Set(vectors.flatMap(\.expected).flatMap(\.keyPaths)) == Set(words.expected), "\(pattern)")
            let steps = vectors.flatMap(\.steps)
            #expect(Set(steps.compactMap { $0["op"]?.string }) == Set(words.ops.keys), "\(pattern)")
            for (operation, fields) in words.ops {
                let used = steps.filter { $0["op"]?.string == operation }.flatMap { ($0.members ?? [:]).keys }
                #expect(Set(used) == Set(fields + ["op"]), "\(pattern): \(operation)")
            }
        }
    }
}
