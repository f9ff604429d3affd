import Foundation
import Testing
import Wall

/// What is no failure of a provider: it is not held against it, and others are not kept away from it.
@Suite struct NobodysFailureTests {
    /// What llama.cpp says to a picture when it runs a model that reads only text.
    private static let readsOnlyText = Answer.response(
        500,
        #"{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to "#
            + #"provide the mmproj","type":"server_error"}}"#)
    private static let picture =
        #"[{"role":"user","content":[{"type":"text","text":"What is this?"},"#
        + #"{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]"#

    private static func body(_ messages: String, _ more: String = "") -> String {
        #"{"model":"chat","messages":\#(messages)\#(more)}"#
    }

    private static func post(_ pair: Pair, _ body: String) async throws -> Client.Reply {
        try await Client.post(pair.gateway.port, "/v1/chat/completions", body)
    }

    @Test
    func `a picture that a lone model cannot read is the caller's mistake, and sixteen keep nobody away`()
        async throws
    {
        let pair = try await Pair(settings: { $0.withFallback = false }) { call in
            call.body.contains("image_url") ? [Self.readsOnlyText] : Answer.good(call)
        }
        for number in 1...16 {
            let reply = try await Self.post(pair, Self.body(Self.picture))
            #expect(reply.status == 400 && reply.errorCode == "unsupported_input", "\(reply.body)")
            #expect(reply.json["error"].flatMap { ($0 as? [String: Any])?["param"] as? String } == "messages")
            #expect(reply.errorMessage?.contains("image input is not supported") ?? false)
            #expect(reply.field("x-should-retry") == "false")
            #expect(pair.callsToP.count == number, "it was asked again")
        }
        #expect(try await pair.health().breaker == "closed")
        #expect(try await pair.chat().status == 200)
    }

    @Test func `a picture goes to the next model if that can read it`() async throws {
        let pair = try await Pair { _ in [Self.readsOnlyText] }
        let reply = try await Self.post(pair, Self.body(Self.picture))
        #expect(reply.status == 200 && reply.field("x-holdfast-provider") == "f", "\(reply.body)")
        #expect(pair.callsToP.count == 1)
    }

    @Test func `other words than those that another provider began with are held against nobody`()
        async throws
    {
        let pair = try await Pair(fallback: { _ in Answer.stream(["Something", " else."], model: "f-1") }) {
            _ in
            [Answer.streamHead, Answer.role()] + Answer.words(["The", " quick"]) + [
                .wait(.milliseconds(100)), .reset,
            ]
        }
        for _ in 0..<2 {
            let reply = try await pair.chat(stream: true)
            #expect(reply.errorCode == "stream_interrupted", "\(reply.body)")
        }
        let text = try await Client.get(pair.gateway.port, "/targets")
        let targets = text.json["targets"] as? [[String: Any]] ?? []
        #expect(targets.contains { ($0["target"] as? String)?.hasPrefix("p/") ?? false }, "\(text.body)")
        for target in targets where (target["target"] as? String)?.hasPrefix("f/") ?? false {
            #expect("\(target)".contains("quality_failure") == false, "\(target)")
        }
        #expect(try await pair.health("f/f-1").breaker == "closed")
    }

    @Test(arguments: [#","modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"}"#])
    func `a spoken answer that is wanted as a whole is asked for as a whole`(more: String) async throws {
        let pair = try await Pair(settings: {
            $0.wholeAnswers = "auto"
            $0.withFallback = false
        }) { call in
            guard !call.streams else {
                let text = "Unsupported value: 'audio.format' does not take 'wav' here."
                return [Answer.response(400, Answer.error(text, type: "invalid_request_error"))]
            }
            return Answer.good(call)
        }
        let reply = try await Self.post(pair, Self.body(#"[{"role":"user","content":"Say it."}]"#, more))
        #expect(reply.status == 200, "\(reply.body)")
        #expect(pair.callsToP.map(\.streams) == [false])
    }

    @Test func `who says that the answer is to be a text has it asked for like any other`() async throws {
        let pair = try await Pair(settings: { $0.wholeAnswers = "auto" }) { Answer.good($0) }
        let more = #","modalities":["text"]"#
        let reply = try await Self.post(pair, Self.body(#"[{"role":"user","content":"Say it."}]"#, more))
        #expect(reply.status == 200, "\(reply.body)")
        #expect(pair.callsToP.map(\.streams) == [true])
    }
}
