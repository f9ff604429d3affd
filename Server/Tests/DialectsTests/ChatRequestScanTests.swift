import Generation
import NIOCore
import Testing

@testable import Dialects

@Suite struct ChatRequestScanTests {
    private func scan(_ text: String) throws -> ChatRequestScan {
        try ChatRequestScan.read(ByteBuffer(string: text))
    }

    private func refusal(_ bytes: ByteBuffer) -> OpenAIError? {
        do throws(OpenAIError) {
            _ = try ChatRequestScan.read(bytes)
            return nil
        } catch {
            return error
        }
    }

    private static let messages = #""messages":[{"role":"user","content":"x"}]"#

    @Test func `it keeps what the gateway must know`() throws {
        let text =
            #"{"stream":true,"stream_options":{"include_usage":true},"model":"chat","n":2,\#(Self.messages),"new_member":{"a":[1]}}"#
        let scan = try scan(text)
        #expect(scan.model == "chat" && scan.streams && scan.wantsUsage && scan.choices == 2)
        let request = scan.request(RequestID(1, 2), ByteBuffer(string: text))
        #expect(
            request.body.getString(at: request.marks.model.lowerBound, length: request.marks.model.count)
                == #""chat""#)
    }

    @Test(
        arguments: [
            (#"{"type":"json_object"}"#, GenerationRequest.JSONForm.object, true),
            (#"{"json_schema":{"type":"json_object"},"type":"json_schema"}"#, .schema, true),
            (#"{"t\u0079pe":"json_\u006fbject"}"#, .object, true), (#"{"type":"text"}"#, nil, true),
            (#"{"type":5}"#, nil, true), ("{}", nil, true), ("null", nil, false),
        ] as [(String, GenerationRequest.JSONForm?, Bool)])
    func `it notes whether JSON is asked for`(
        format: String, form: GenerationRequest.JSONForm?, binds: Bool
    ) throws {
        let text = #"{"model":"a","response_format":\#(format),\#(Self.messages)}"#
        let request = try scan(text).request(RequestID(1, 2), ByteBuffer(string: text))
        #expect(request.form == form)
        #expect((request.marks.messagesEnd == nil) == binds)
    }

    @Test(
        arguments: [
            (#""modalities":["text"]"#, false), (#""modalities":[]"#, false), (#""modalities":null"#, false),
            (#""modalities":[5,{"audio":"audio"},["audio"]]"#, false),
            (#""modalities":["text","audio"]"#, true), (#""modalities":["a\u0075dio"]"#, true),
            (#""audio":{"voice":"alloy"}"#, true), (#""audio":null"#, false),
        ])
    func `an answer is spoken only where sounds are asked for`(member: String, speaks: Bool) throws {
        let text = #"{"model":"a",\#(member),\#(Self.messages)}"#
        let request = try scan(text).request(RequestID(1, 2), ByteBuffer(string: text))
        #expect(request.features.contains(.speech) == speaks)
        #expect((request.marks.messagesEnd == nil) == speaks)
    }

    @Test(arguments: [
        // body, the field that is named
        ("", nil), ("null", nil), ("[]", nil), ("{", nil), (#"{"model":"a",}"#, nil),
        (#"{"model":"a""#, "model"),
        (#"{\#(messages)}"#, "model"), (#"{"model":"",\#(messages)}"#, "model"),
        (#"{"model":5,\#(messages)}"#, "model"),
        (#"{"model":null,\#(messages)}"#, "model"), (#"{"model":["a"],\#(messages)}"#, "model"),
        (#"{"model":"a","model":"b",\#(messages)}"#, "model"),
        (#"{"model":"a","mod\u0065l":"b",\#(messages)}"#, "model"),
        (#"{"model":"a"}"#, "messages"), (#"{"model":"a","messages":"x"}"#, "messages"),
        (#"{"model":"a","messages":[]}"#, "messages"),
        (#"{"model":"a","messages":["x"]}"#, "messages[0]"),
        (#"{"model":"a","messages":[{}]}"#, "messages[0].role"),
        (#"{"model":"a","messages":[{"role":1}]}"#, "messages[0].role"),
        (
            #"{"model":"a","messages":[{"role":"user","content":"x"},{"role":"user","content":5}]}"#,
            "messages[1].content"
        ),
        (#"{"model":"a",\#(messages),"stream":"yes"}"#, "stream"),
        (#"{"model":"a",\#(messages),"stream":1}"#, "stream"),
        (#"{"model":"a",\#(messages),"stream_options":[]}"#, "stream_options"),
        (
            #"{"model":"a",\#(messages),"stream_options":{"include_usage":"x"}}"#,
            "stream_options.include_usage"
        ),
        (#"{"model":"a",\#(messages),"temperature":"hot"}"#, "temperature"),
        (#"{"model":"a",\#(messages),"temperature":1e400}"#, "temperature"),
        (#"{"model":"a",\#(messages),"max_tokens":-1}"#, "max_tokens"),
        (#"{"model":"a",\#(messages),"response_format":"json"}"#, "response_format"),
        (#"{"model":"a",\#(messages),"response_format":{},"response_format":{}}"#, "response_format"),
        (#"{"model":"a",\#(messages),"max_tokens":1.5}"#, "max_tokens"),
        (#"{"model":"a",\#(messages),"max_tokens":99999999999999999999999}"#, "max_tokens"),
        (#"{"model":"a",\#(messages),"n":0}"#, "n"),
        (#"{"model":"a",\#(messages),"n":129}"#, "n"), (#"{"model":"a",\#(messages),"tools":{}}"#, "tools"),
        (#"{"model":"a",\#(messages),"stop":5}"#, "stop"), (#"{"model":"a",\#(messages),"user":{}}"#, "user"),
        (#"{"model":"a",\#(messages),"api_base":"http://127.0.0.1"}"#, "api_base"),
        (#"{"model":"a",\#(messages),"base_url":"x"}"#, "base_url"),
        (#"{"model":"a",\#(messages),"api_key":"x"}"#, "api_key"),
        (#"{"model":"a",\#(messages),"extra_headers":{}}"#, "extra_headers"),
        (#"{"model":"a","messages":[{"role":"user","content":"\ud800"}]}"#, "messages[0].content"),
    ])
    func `a request that is wrong is refused with the field that is`(body: String, field: String?) throws {
        let refusal = try #require(self.refusal(ByteBuffer(string: body)))
        #expect(refusal.status == 400)
        #expect(refusal.field == field, "\(refusal.message)")
        #expect(refusal.type == "invalid_request_error")
        #expect(!refusal.message.isEmpty)
    }

    @Test func `hostile bodies are refused`() {
        #expect(refusal(ByteBuffer(bytes: [0x7B, 0x22, 0xFF, 0x22, 0x7D]))?.code == "invalid_utf8")
        #expect(refusal(ByteBuffer(string: String(repeating: "[", count: 100_000)))?.status == 400)
        #expect(
            refusal(
                ByteBuffer(string: #"{"model":"a","messages":"# + String(repeating: "[", count: 100_000)))?
                .status == 400)
        #expect(refusal(ByteBuffer(string: "\u{FEFF}{}"))?.status == 400)
    }

    @Test(arguments: ["null", "0.5", "2"])
    func `known members may be null`(value: String) throws {
        _ = try scan(
            #"{"model":"a",\#(Self.messages),"temperature":\#(value),"stream":null,"stream_options":null,"n":null,"stop":null,"max_tokens":null}"#
        )
    }
}
