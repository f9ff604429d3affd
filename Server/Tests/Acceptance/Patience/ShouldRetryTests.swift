import Foundation
import Testing
import Wall

/// `x-should-retry`: true where asking again later can help and the gateway has not tried that out itself.
@Suite(.tags(.measuresTime)) struct ShouldRetry {
    private static let impatient = "retry: { patience: 0s }", once = "retry: { max_attempts: 1 }"

    private static func lone(_ lines: [String], _ script: @escaping @Sendable (Wall.Call) -> [Wall.Act])
        async throws -> Pair
    {
        try await Pair(
            settings: {
                $0.withFallback = false
                $0.lines = lines
            }, script)
    }

    @Test(arguments: [impatient, once], [false, true])
    func `a refused connection that was not waited out is worth another request`(line: String, stream: Bool)
        async throws
    {
        let pair = try await Self.lone([line]) { Answer.good($0) }
        try await pair.primary.stop()
        let reply = try await pair.chat(stream: stream)
        #expect(reply.status == 502 || reply.status == 503, "\(reply.status)")
        #expect(reply.elapsed < .seconds(1))
        #expect(reply.field("x-should-retry") == "true")
    }

    @Test(arguments: [impatient, once])
    func `a provider that loads its model and was not waited for is worth another request`(line: String)
        async throws
    {
        let pair = try await Self.lone([line]) { _ in [Answer.response(503, Answer.error("Loading model"))] }
        let reply = try await pair.chat()
        #expect(reply.status == 503)
        #expect(reply.elapsed < .seconds(1))
        #expect(reply.field("x-should-retry") == "true")
    }

    @Test func `what was waited out in vain is not worth another request`() async throws {
        let pair = try await Self.lone([]) { Answer.good($0) }
        try await pair.primary.stop()
        let reply = try await pair.chat()
        #expect(reply.elapsed > .seconds(1), "it was given up after \(reply.elapsed)")
        #expect(reply.field("x-should-retry") == "false")
    }

    /// What P says, and whether another request can help.
    private static let answers: [(name: String, acts: [Wall.Act], helps: Bool)] = [
        ("400", [Answer.response(400, Answer.error("No.", type: "invalid_request_error"))], false),
        ("401", [Answer.response(401, Answer.error("No."))], false),
        ("404", [Answer.response(404, Answer.error("No.", code: "model_not_found"))], false),
        ("quota", [Answer.response(429, Answer.error("No.", code: "insufficient_quota"))], false),
        ("limited", [Answer.response(429, Answer.error("No."), fields: ["retry-after: 20"])], true),
        ("busy", [Answer.response(503, Answer.error("No."), fields: ["retry-after: 20"])], true),
    ]

    @Test func `it says what helps`() async throws {
        let names = Self.answers.map(\.name)
        let pair = try await Pair(settings: {
            $0.withFallback = false
            $0.routes = names
        }) { call in Self.answers.first { $0.name == call.model }?.acts ?? [] }
        for (name, _, helps) in Self.answers {
            for stream in [false, true] {
                let reply = try await pair.chat(name, stream: stream)
                #expect(reply.field("x-should-retry") == "\(helps)", "\(name): \(reply.head)")
            }
        }
    }

    @Test func `it never contradicts retry-after-ms`() async throws {
        let fields: [String: [String]] = [
            "none": [], "short": ["retry-after: 1"], "long": ["retry-after: 20"],
            "ms": ["retry-after-ms: 300"],
            "past": ["retry-after: -5"],
        ]
        let statuses = [402, 429, 500, 503],
            routes = statuses.flatMap { status in
                fields.keys.sorted().map { "\(status)-\($0)" }
            }
        let pair = try await Pair(settings: {
            $0.withFallback = false
            $0.routes = routes
            $0.lines = ["breaker: { minimum_calls: 2 }"]
        }) { call in
            let parts = call.model.split(separator: "-").map(String.init)
            let status = Int(parts[0]) ?? 500
            return [Answer.response(status, Answer.error("No."), fields: fields[parts[1]] ?? [])]
        }
        let flaws = try await flawsOfEach(routes, atATime: 10) { route in
            var flaws = Flaws()
            // The later ones find the breaker open or the target cooling down.
            for number in 0..<4 {
                let reply = try await pair.chat(route, stream: number % 2 == 0)
                let wait = reply.field("retry-after-ms"), wish = reply.field("x-should-retry")
                flaws.expect(reply.status >= 400, "\(route): it is answered")
                flaws.expect(wish == "true" || wish == "false", "\(route): it says \(wish ?? "nothing")")
                flaws.expect(
                    wait == nil || wish == "true", "\(route): it says \(wish ?? "nothing") and \(wait ?? "")")
            }
            return flaws.texts
        }
        try requireFlawless(flaws)
    }
}
