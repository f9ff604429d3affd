import Foundation
import Testing
import Wall

/// Keys in the environment and no file: the first ten minutes of somebody who has a key.
@Suite(.tags(.measuresTime)) struct EnvironmentKeys {
    private static let key = "sk-wall-environment-key-0123456789"

    /// A provider in OpenAI's place, and a gateway that has its key.
    private struct Stand {
        let wall = Wall { Answer.good($0) }
        let gateway: GatewayProcess

        init(_ more: [String: String] = [:], places: Int = 1) async throws {
            let port = try await wall.start()
            let own = [
                "OPENAI_API_KEY": EnvironmentKeys.key + "\n",
                "HOLDFAST_OPENAI_BASE_URL": "http://127.0.0.1:\(port)/v1",
            ]
            gateway = try await GatewayProcess(nil, environment: own.merging(more) { $1 }, places: places)
        }

        func chat(_ model: String) async throws -> Client.Reply {
            try await Client.chat(gateway.port, model: model)
        }

        func linesOfMetrics() async throws -> Int {
            try await Client.get(gateway.port, "/metrics").body.split(separator: "\n").count
        }
    }

    @Test func `the first chat with a key in the environment is answered by the vendor`() async throws {
        let stand = try await Stand()
        let reply = try await stand.chat("openai/gpt-6-luna")
        try requireFlawless(reply.flaws(asAnswerOf: "openai", "Hello from the wall.", within: .seconds(2)))
        let call = try #require(stand.wall.ledger.calls.first)
        #expect(call.model == "gpt-6-luna")
        #expect(call.field("authorization") == "Bearer \(Self.key)", "without the line break at its end")
        #expect(!stand.gateway.standardOutput.contains(Self.key))
    }

    @Test func `with a key the demonstration stays and keeps apart from the real provider`() async throws {
        let stand = try await Stand()
        for provider in ["alpha", "beta", "gamma"] {
            let fault = try await Client.post(
                stand.gateway.port, "/demo/faults/\(provider)", #"{"mode":"down"}"#)
            #expect(fault.status == 200)
            let reply = try await stand.chat("demo")
            #expect((reply.status == 200) == (provider != "gamma"), "\(reply.text)")
        }
        #expect(stand.wall.ledger.calls.isEmpty, "a real provider was asked for the demonstration")
        #expect(try await stand.chat("openai/gpt-6-luna").status == 200)
        #expect(try await stand.chat("alpha/alpha-1").status == 404)
        let list = try await Client.get(stand.gateway.port, "/v1/models").json["data"] as? [[String: Any]]
        let names = try #require(list).compactMap { $0["id"] as? String }
        #expect(names.contains("demo") && names.contains("openai/gpt-6-luna"))
    }

    @Test func `a reload without a file keeps everything, and the switch for faults still works`()
        async throws
    {
        let stand = try await Stand()
        stand.gateway.signal(SIGHUP)
        #expect(
            try await eventually { stand.gateway.standardError.contains("configuration reloaded") })
        let fault = try await Client.post(stand.gateway.port, "/demo/faults/alpha", #"{"mode":"down"}"#)
        #expect(fault.status == 200)
        #expect(try await stand.chat("demo").field("x-holdfast-provider") == "beta")
        #expect(try await stand.chat("openai/gpt-6-luna").status == 200)
    }

    @Test func `a variable that cannot be used ends the start with its name and without its value`()
        async throws
    {
        let environment = [
            "OPENAI_API_KEY": "sk-one-0123456789\nsk-two-0123456789", "HOLDFAST_XAI_BASE_URL": "ftp://x",
        ]
        let result = try await Command.run(["serve", "--port", "0"], environment: environment)
        #expect(result.status == 1)
        #expect(result.output.contains("environment: OPENAI_API_KEY: "), "\(result.output)")
        #expect(result.output.contains("environment: HOLDFAST_XAI_BASE_URL: "), "\(result.output)")
        #expect(!result.output.contains("0123456789"))
    }

    /// How many requests before the reload, and how many after it, each for a model that nobody named before:
    /// `HOLDFAST_DIRECT_NAMES`, as scripts/verify/direct-names.sh sets it.
    private static let requests =
        ProcessInfo.processInfo.environment["HOLDFAST_DIRECT_NAMES"].flatMap { Int($0) } ?? 300

    /// Asks for the models `from` to `to`, sixteen at a time.
    private static func answered(_ stand: Stand, _ numbers: Range<Int>) async throws -> Int {
        try await withThrowingTaskGroup(of: Bool.self) { tasks in
            var numbers = numbers.makeIterator(), answered = 0
            func ask() {
                guard let number = numbers.next() else { return }
                tasks.addTask {
                    let reply = try await stand.chat("openai/model-\(number)")
                    return reply.status == 200 && reply.field("x-holdfast-provider") == "openai"
                }
            }
            for _ in 0..<16 { ask() }
            while let isAnswered = try await tasks.next() {
                if isAnswered { answered += 1 }
                ask()
            }
            return answered
        }
    }

    @Test
    func `every request for a direct name is answered, before a reload and after it, at a bounded cost`()
        async throws
    {
        let count = Self.requests
        let stand = try await Stand(places: count > 1000 ? Stage.shared.places : 1)
        let begun = ContinuousClock.now
        #expect(try await Self.answered(stand, 0..<count) == count)
        let (memory, lines) = (stand.gateway.residentMegabytes, try await stand.linesOfMetrics())
        stand.gateway.signal(SIGHUP)
        #expect(
            try await eventually { stand.gateway.standardError.contains("configuration reloaded") })
        #expect(try await Self.answered(stand, count..<(2 * count)) == count)
        #expect(stand.gateway.isRunning)
        let (memoryAfter, linesAfter) = (stand.gateway.residentMegabytes, try await stand.linesOfMetrics())
        print(
            "direct names: \(2 * count) requests for as many models, all answered, in \(ContinuousClock.now - begun);",
            "memory \(memory), then \(memoryAfter) MiB; lines of metrics \(lines), then \(linesAfter)")
        #expect(linesAfter <= lines, "names that callers made up fill the metrics")
        guard count >= 4096 else { return }
        #expect(memoryAfter <= memory * 1.15 + 8, "names that callers made up fill the memory")
    }
}
