import Generation
import Harness
import NIOCore

@testable import Dialects

private let id = RequestID(0, 0)

/// A chat request that is accepted is JSON to Foundation too, with the same model; and what is sent to a provider in its
/// place is the same request with another model and, for a stream, the wish for usage.
@main
struct FuzzChatRequest {
    static func main() {
        fuzz(test)
    }

    private static func test(_ bytes: UnsafeRawBufferPointer) {
        let body = ByteBuffer(bytes: bytes)
        guard let scan = try? ChatRequestScan.read(body) else { return }
        guard var read = JSONOracle.object(bytes) else { fatalError("Foundation does not accept it") }
        expect(read["model"] as? String == scan.model, "the model is read as \(scan.model)")
        expect(read["stream"] as? Bool ?? false == scan.streams, "streams is read as \(scan.streams)")
        expect((1...128).contains(scan.choices), "\(scan.choices) choices")

        var sent = sentInPlace(of: scan.request(id, body))
        expect(sent["model"] as? String == "other", "the model was not replaced")
        if scan.streams {
            let options = sent["stream_options"] as? [String: Any]
            expect(options?["include_usage"] as? Bool == true, "usage is not asked for")
            (read["stream_options"], sent["stream_options"]) = (nil, nil)
        }
        (read["model"], sent["model"]) = (nil, nil)
        expect(JSONOracle.areEqual(read, sent), "another member was changed")
    }
}

private func sentInPlace(of request: GenerationRequest) -> [String: Any] {
    var bytes: [UInt8] = []
    for part in OpenAIRequestBody.parts(
        of: request, quotedModel: OpenAIRequestBody.quoted("other"), asksForUsage: true)
    {
        bytes += part.readableBytesView
    }
    guard let sent = JSONOracle.object(bytes) else { fatalError("what would be sent is no JSON") }
    return sent
}
