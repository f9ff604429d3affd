import Foundation
import Generation
import NIOCore
import Testing

@testable import Dialects

@Suite struct OpenAIRequestBodyTests {
    private func sent(_ body: String, marks: GenerationRequest.Marks, streams: Bool, wantsUsage: Bool = false)
        -> String
    {
        let request = GenerationRequest(
            id: RequestID(1, 2), model: "chat", streams: streams, wantsUsage: wantsUsage, choices: 1,
            body: ByteBuffer(string: body), marks: marks)
        let parts = OpenAIRequestBody.parts(
            of: request, quotedModel: OpenAIRequestBody.quoted("gpt"), asksForUsage: true)
        return parts.map { String(buffer: $0) }.joined()
    }

    private func range(_ part: String, in body: String) throws -> Range<Int> {
        let range = try #require(body.range(of: part))
        let start = body.utf8.distance(from: body.startIndex, to: range.lowerBound)
        return start..<start + part.utf8.count
    }

    @Test func `only the model's name is replaced`() throws {
        let body = #"{"x":"é","model" : "chat","y":[1, 2]}"#
        let marks = GenerationRequest.Marks(model: try range(#""chat""#, in: body), start: 1)
        #expect(sent(body, marks: marks, streams: false) == #"{"x":"é","model" : "gpt","y":[1, 2]}"#)
    }

    @Test(arguments: [
        ("", #"{"stream_options":{"include_usage":true},"model":"gpt"}"#),
        (#","stream_options":null"#, #"{"model":"gpt","stream_options":{"include_usage":true}}"#),
        (#","stream_options":{}"#, #"{"model":"gpt","stream_options":{"include_usage":true}}"#),
        (#","stream_options":{"a":1}"#, #"{"model":"gpt","stream_options":{"include_usage":true,"a":1}}"#),
        (
            #","stream_options":{"include_usage":false}"#,
            #"{"model":"gpt","stream_options":{"include_usage":true}}"#
        ),
    ])
    func `the wish for usage is put in where there is none`(options: String, expected: String) throws {
        let body = #"{"model":"chat"\#(options)}"#
        var marks = GenerationRequest.Marks(model: try range(#""chat""#, in: body), start: 1)
        if options.contains("null") {
            marks.nullStreamOptions = try range("null", in: body)
        } else if options.contains("{") {
            marks.streamOptions = try range("{", in: String(body.dropFirst())).lowerBound + 2
            marks.streamOptionsAreEmpty = options.contains("{}")
            if options.contains("false") { marks.includeUsage = try range("false", in: body) }
        }
        #expect(sent(body, marks: marks, streams: true) == expected)
        #expect(
            sent(body, marks: marks, streams: false) == body.replacingOccurrences(of: "chat", with: "gpt"))
    }
}
