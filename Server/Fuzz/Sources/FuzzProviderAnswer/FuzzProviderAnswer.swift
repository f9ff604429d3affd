import Generation
import Harness
import JSON

@testable import Dialects

/// A provider's answer, whole or as a chunk of a stream: what is accepted is JSON to Foundation too, and what is said
/// of it lies within it and within reason.
@main
struct FuzzProviderAnswer {
    static func main() {
        fuzz(test)
    }

    private static func test(_ bytes: UnsafeRawBufferPointer) {
        let facts = ErrorBody(bytes)
        expect(facts.message.utf8.count <= 3 * bytes.count, "an error's text is longer than its body")
        // A second event of a stream, so that there is something to be kept when it cannot be read.
        var choices = ChunkScan.Choices()
        choices.note(1, finishes: true)
        let chunk = try? ChunkScan(bytes, choices: &choices), completion = try? CompletionScan(bytes)
        if chunk == nil {
            expect(choices.finishedCount == 1 && choices.allSeenFinished, "an unreadable chunk left a trace")
        }
        guard chunk?.isDone == false || completion != nil else { return }
        guard let read = JSONOracle.object(bytes) else { fatalError("Foundation does not accept it") }
        if let chunk, !chunk.isDone { check(chunk, choices, bytes, read) }
        if let completion { check(completion, bytes, read) }
    }
}

private func check(
    _ chunk: ChunkScan, _ choices: ChunkScan.Choices, _ bytes: UnsafeRawBufferPointer, _ read: [String: Any]
) {
    checkShared(chunk.model, chunk.usage, chunk.error, bytes, read)
    let listed = (read["choices"] as? [Any])?.count
    expect(chunk.choicesAreEmpty == (listed == 0), "\(listed ?? -1) choices")
    expect(choices.finishedCount <= 1 + (listed ?? 0), "more choices finished than there are")
}

private func check(_ scan: CompletionScan, _ bytes: UnsafeRawBufferPointer, _ read: [String: Any]) {
    checkShared(scan.model, scan.usage, scan.error, bytes, read)
    let listed = (read["choices"] as? [Any])?.count ?? 0
    expect(scan.choices == listed, "\(scan.choices) choices of \(listed)")
    expect(scan.finished <= listed, "more choices finished than there are")
}

private func checkShared(
    _ model: JSONCursor.RawString?, _ usage: Usage?, _ error: Range<Int>?, _ bytes: UnsafeRawBufferPointer,
    _ read: [String: Any]
) {
    let name = model.map(JSONCursor(bytes).decode)
    expect(name == read["model"] as? String, "the model is read as \(name ?? "nothing")")
    if let usage {
        let plausible = 0...100_000_000
        expect(
            plausible.contains(usage.promptTokens) && plausible.contains(usage.completionTokens), "\(usage)")
    }
    if let error {
        checkRange(error, bytes)
        _ = ErrorBody.inner(UnsafeRawBufferPointer(rebasing: bytes[error]))
    }
}

private func checkRange(_ range: Range<Int>, _ bytes: UnsafeRawBufferPointer) {
    expect(range.lowerBound >= 0 && range.upperBound <= bytes.count, "\(range) of \(bytes.count)")
}
