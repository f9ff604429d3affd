import Foundation
import Testing
import Wall

/// The official OpenAI SDK for Python against the gateway.
@Suite(.tags(.measuresTime)) struct OfficialSDK {
    private static func cases(_ port: Int) async throws -> [String: [String: Any]] {
        let (status, output) = try await PythonTools.run("sdk.py", ["\(port)", "chat"])
        #expect(status == 0, "\(output)")
        var cases: [String: [String: Any]] = [:]
        for line in output.split(separator: "\n") {
            let facts = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any] ?? [:]
            if let name = facts["case"] as? String { cases[name] = facts }
        }
        return cases
    }

    @Test func `an application with the official SDK does not notice that its provider is down`() async throws
    {
        let pair = try await Pair(settings: { $0.routes = ["cut"] }) { call in
            guard call.model == "cut" else {
                return [Answer.response(503, Answer.error("down for maintenance"))]
            }
            return [Answer.streamHead, Answer.role()] + Answer.words(["Howdy"]) + [.reset]
        }
        let cases = try await Self.cases(pair.gateway.port)
        for name in ["whole", "stream", "helper"] {
            let facts = try #require(cases[name], "\(name) did not end")
            #expect(facts["text"] as? String == Pair.answerOfF)
            #expect(facts["finish"] as? String == "stop")
        }
        #expect(cases["whole"]?["provider"] as? String == "f")
        #expect(cases["whole"]?["tokens"] as? Int == 12)
        #expect(cases["models"]?["ids"] as? [String] == ["chat", "cut", "healthy"])
        #expect(cases["unknown model"]?["error"] as? String == "NotFoundError")
        #expect(cases["unknown model"]?["param"] as? String == "model")
        #expect(cases["bad type"]?["error"] as? String == "BadRequestError")
        #expect(cases["bad type"]?["param"] as? String == "temperature")
        let cut = try #require(cases["cut"])
        #expect(cut["text"] as? String == "Howdy")
        #expect(cut["error"] as? String == "APIError" && cut["code"] as? String == "stream_interrupted")
        try requireFlawless(try await pair.aftermath())
    }
}
