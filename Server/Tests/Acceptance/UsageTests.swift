import Foundation
import Testing
import Wall

/// What providers say that an answer cost, which may be anything.
@Suite(.tags(.measuresTime)) struct Usages {
    private static func body(_ text: String) -> [Wall.Act] { [Answer.response(200, text)] }

    @Test func `F28: whatever stands in the usage, the answer is delivered`() async throws {
        let usages = [
            "null", "{}", #"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#,
            #"{"prompt_tokens":-5,"completion_tokens":-1}"#,
            #"{"prompt_tokens":"5","completion_tokens":"7"}"#,
            #"{"prompt_tokens":1e18,"completion_tokens":1e18}"#,
            #"{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807}"#,
            #"{"prompt_tokens":99999999999999999999,"completion_tokens":1}"#,
            "[]", "7", #"{"prompt_tokens":1.5,"completion_tokens":null}"#,
        ]
        let original = #"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}"#
        let pair = try await Pair { call in
            guard let number = Int(call.user), usages.indices.contains(number) else {
                return Answer.good(call)
            }
            let usage = usages[number]
            guard call.streams else {
                return Self.body(
                    Answer.completion(Pair.answerOfP).replacingOccurrences(of: original, with: usage))
            }
            let event =
                #"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":\#(usage)}"#
            var acts = [Answer.streamHead, Answer.role()]
            acts += Answer.words([Pair.answerOfP])
            acts += [Answer.finish(), Answer.event(event), Answer.done, Answer.streamEnd]
            return acts
        }
        for (number, usage) in usages.enumerated() {
            for stream in [false, true] {
                let reply = try await pair.chat(stream: stream, more: #","user":"\#(number)""#)
                try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(1)).of(usage))
            }
        }
        try requireFlawless(try await pair.aftermath())
    }
}
