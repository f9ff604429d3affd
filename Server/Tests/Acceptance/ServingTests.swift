import Foundation
import Testing
import Wall

/// The life of the process: start, demonstration, reload, end; and its other commands.
@Suite(.tags(.measuresTime)) struct Serving {
    // MARK: The demonstration

    /// Runs the shell line that the gateway printed and gives back what it wrote.
    private static func shell(_ line: String) async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", line]
        return try await process.finish(errors: FileHandle.nullDevice).output
    }

    @Test
    func
        `with nothing configured the printed curl answers, and answers from another provider when one is down`()
        async throws
    {
        let gateway = try await GatewayProcess(nil)
        let printed = gateway.standardOutput
        for word in ["alpha", "beta", "gamma", "demo", "/demo/faults/"] { #expect(printed.contains(word)) }
        let start = try #require(printed.range(of: "curl http"))
        let line = printed[start.lowerBound...].components(separatedBy: "\n\n")[0]
        let first = try await Self.shell(line.replacingOccurrences(of: "curl http", with: "curl -si http"))
        #expect(first.contains("200 OK") && first.contains("x-holdfast-provider: alpha"), "\(first)")
        let fault = try await Client.post(gateway.port, "/demo/faults/alpha", #"{"mode":"down"}"#)
        #expect(fault.status == 200)
        let begun = ContinuousClock.now
        let second = try await Self.shell(line.replacingOccurrences(of: "curl http", with: "curl -si http"))
        #expect(ContinuousClock.now - begun < .seconds(1))
        #expect(second.contains("200 OK") && second.contains("x-holdfast-provider: beta"), "\(second)")
        let id = try #require(second.firstMatch(of: #/x-holdfast-decision: (\S+)/#)).1
        let why = try await Client.get(gateway.port, "/decisions/\(id)")
        #expect(
            why.json["summary"] as? String == "alpha/alpha-1 failed (system_error, refused); beta answered")
    }

    @Test func `every fault of the demonstration can be switched, and wrong ones are told`() async throws {
        let gateway = try await GatewayProcess(nil)
        func fault(_ provider: String, _ body: String) async throws -> Client.Reply {
            try await Client.post(gateway.port, "/demo/faults/\(provider)", body)
        }
        for mode in ["down", "ok", "rate_limited"] {
            #expect(try await fault("alpha", #"{"mode":"\#(mode)"}"#).status == 200)
            for stream in [false, true] {
                let reply = try await Client.chat(gateway.port, model: "demo", stream: stream)
                #expect(reply.status == 200 && reply.isWellEnded)
                #expect((reply.field("x-holdfast-provider") == "alpha") == (mode == "ok"), "\(mode)")
            }
        }
        for provider in ["alpha", "beta", "gamma"] { _ = try await fault(provider, #"{"mode":"cut"}"#) }
        let cut = try await Client.chat(gateway.port, model: "demo", stream: true)
        try requireFlawless(cut.flaws(asBrokenStreamAfter: cut.answer, within: .seconds(3)))
        for provider in ["alpha", "beta", "gamma"] { _ = try await fault(provider, #"{"mode":"down"}"#) }
        let down = try await Client.chat(gateway.port, model: "demo")
        #expect((500..<600).contains(down.status) && down.errorCode != nil)
        #expect(try await fault("delta", #"{"mode":"down"}"#).status == 404)
        for body in [#"{"mode":"gone"}"#, "{}", "[]", "", #"{"mode":1}"#] {
            let reply = try await fault("alpha", body)
            #expect(
                reply.status == 400 && reply.errorMessage?.contains("mode") ?? false, "\(body): \(reply.body)"
            )
        }
    }

    @Test func `the switch for faults exists only in the demonstration`() async throws {
        let pair = try await Pair { Answer.good($0) }
        let reply = try await Client.post(pair.gateway.port, "/demo/faults/p", #"{"mode":"down"}"#)
        #expect(reply.status == 404)
        let elsewhere = try await Command.run(["serve", "--port", "0", "--host", "0.0.0.0", "--demo"])
        #expect(elsewhere.status != 0 && elsewhere.output.contains("other machines"), "\(elsewhere.output)")
    }

    // MARK: Reload

    @Test func `a reload takes effect as a whole, and a wrong one not at all`() async throws {
        let pair = try await Pair { Answer.good($0) }
        func models() async throws -> [String] {
            let list =
                try await Client.get(pair.gateway.port, "/v1/models").json["data"] as? [[String: Any]] ?? []
            return list.compactMap { $0["id"] as? String }.sorted()
        }
        #expect(try await models() == ["chat", "healthy"])
        let more = pair.settings.text + "\n  added: { targets: [ { provider: f, model: x } ] }"
        try pair.gateway.replaceConfiguration(more)
        pair.gateway.signal(SIGHUP)
        #expect(try await eventually { try await models() == ["added", "chat", "healthy"] })
        try pair.gateway.replaceConfiguration(
            more + "\n  wrong: { targets: [ { provider: none, model: x } ] }\nnonsense: 1")
        pair.gateway.signal(SIGHUP)
        #expect(try await eventually { pair.gateway.standardError.contains("nonsense") })
        #expect(
            pair.gateway.standardError.contains("there is no provider 'none'"),
            "all mistakes are named at once")
        #expect(try await models() == ["added", "chat", "healthy"])
        try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
        // Without a signal, the change of the file is enough.
        try pair.gateway.replaceConfiguration(pair.settings.text)
        #expect(try await eventually(.seconds(5)) { try await models() == ["chat", "healthy"] })
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `reloads under load lose no request`() async throws {
        let pair = try await Pair(places: Stage.shared.places) { Answer.good($0) }
        let replies = try await withThrowingTaskGroup(of: [Client.Reply].self) { tasks in
            for caller in 0..<4 {
                tasks.addTask {
                    var replies: [Client.Reply] = []
                    for _ in 0..<60 { replies.append(try await pair.chat(stream: caller % 2 == 0)) }
                    return replies
                }
            }
            for _ in 0..<30 {
                pair.gateway.signal(SIGHUP)
                try await Task.sleep(for: .milliseconds(20))
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
        for reply in replies { try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(2))) }
        try requireFlawless(try await pair.aftermath())
    }

    // MARK: The end

    private static let slowly: @Sendable (Wall.Call) -> [Wall.Act] = { _ in
        [Answer.streamHead, Answer.role()] + Answer.words(["Hello"]) + [.wait(.seconds(2))]
            + Answer.words([" again"]) + [Answer.finish(), Answer.done, Answer.streamEnd]
    }

    @Test func `on SIGTERM it is not ready at once, streams run to their end, and it ends well`() async throws
    {
        let pair = try await Pair(settings: { $0.timeouts = "{ idle: 5s }" }, Self.slowly)
        let line = try await pair.begin(stream: true)
        await line.wait(.seconds(2)) { $0.answer == "Hello" }
        let kept = try await Line.open(pair.gateway.port)
        pair.gateway.signal(SIGTERM)
        let isUnready = try await eventually(.milliseconds(500)) {
            try await Client.get(pair.gateway.port, "/readyz").status == 503
        }
        #expect(isUnready)
        #expect(try await Client.get(pair.gateway.port, "/livez").status == 200)
        let reply = await line.wait(.seconds(5)) { $0.isWellEnded }
        try requireFlawless(reply.flaws(asAnswerOf: "p", "Hello again", within: .seconds(4)))
        let status = await pair.gateway.waitForExit(.seconds(4))
        #expect(status == 0)
        let errors = pair.gateway.standardError.lowercased()
        #expect(!errors.contains("error"), "\(errors)")
        await kept.close()
    }

    @Test func `when the time for running on is over, what still runs is broken off and said to be`()
        async throws
    {
        let pair = try await Pair(settings: { $0.server = "drain: 500ms" }) { _ in
            [Answer.streamHead, Answer.role()] + Answer.words(["Hello"]) + [.hang]
        }
        let line = try await pair.begin(stream: true)
        await line.wait(.seconds(2)) { $0.answer == "Hello" }
        pair.gateway.signal(SIGTERM)
        let status = await pair.gateway.waitForExit(.seconds(4))
        #expect(status == 0)
        let reply = await line.wait(.seconds(1)) { $0.closed }
        #expect(!reply.hasDone && !reply.hasFinish)
        #expect(!reply.isWellEnded || reply.errorCode == "stream_interrupted")
    }

    @Test func `a second signal ends it at once`() async throws {
        let pair = try await Pair(settings: { $0.timeouts = "{ idle: 5s }" }, Self.slowly)
        let line = try await pair.begin(stream: true)
        await line.wait(.seconds(2)) { $0.answer == "Hello" }
        pair.gateway.signal(SIGTERM)
        try await Task.sleep(for: .milliseconds(200))
        #expect(pair.gateway.isRunning)
        pair.gateway.signal(SIGTERM)
        #expect(await pair.gateway.waitForExit(.milliseconds(800)) != nil)
        let reply = await line.wait(.seconds(1)) { $0.closed }
        #expect(reply.closed && !reply.hasDone)
    }

    // MARK: Other commands

    @Test func `check names every mistake at once, with its place and the way to mend it`() async throws {
        let text = """
            server: { port: 99999, hots: "::1" }
            providers:
              p: { kind: opanai, base_url: "nonsense" }
              q: { kind: openai, api_key: "${HOLDFAST_NOT_SET}" }
            models:
              chat:
                targets: [ { provider: pp, model: m }, { model: m } ]
                timeouts: { first_token: 10 }
                breaker: { failure_rate: 2, window: 1s, window_calls: 10 }
            """
        let result = try await Command.run(["check"], configuration: text)
        #expect(result.status == 1)
        for place in [":1:11", ":1:24", ":3:", ":4:", ":7:", ":8:", ":9:"] {
            #expect(result.output.contains(place), "\(place) is missing in\n\(result.output)")
        }
        for words in [
            "did you mean 'hosts'", "openai", "HOLDFAST_NOT_SET", "failure_rate", "window_calls",
            "first_token",
        ] {
            #expect(result.output.contains(words), "\(words) is missing in\n\(result.output)")
        }
        let good = try await Command.run(
            ["check"],
            configuration:
                "providers: { p: { kind: simulated } }\nmodels: { m: { targets: [ { provider: p, model: x } ] } }"
        )
        #expect(good.status == 0 && good.output.contains("1 providers, 1 models"))
    }

    @Test func `a wrong start ends with one clear line`() async throws {
        let missing = try await Command.run(["serve", "--port", "0", "--config", "/nowhere/holdfast.yaml"])
        #expect(missing.status != 0 && missing.output.contains("/nowhere/holdfast.yaml"))
        let gateway = try await GatewayProcess(nil)
        let taken = try await Command.run(["serve", "--port", "\(gateway.port)"])
        #expect(taken.status != 0 && taken.output.contains("\(gateway.port)"), "\(taken.output)")
        #expect(!taken.output.contains("Fatal"), "\(taken.output)")
        for arguments in [
            ["serve", "--port", "x"], ["serve", "--port", "-1"], ["serve", "--port", "70000"], ["nonsense"],
        ] {
            let result = try await Command.run(arguments)
            #expect(result.status != 0 && !result.output.contains("Fatal"), "\(arguments): \(result.output)")
        }
    }

    @Test func `version and help are there`() async throws {
        let version = try await Command.run(["--version"])
        #expect(
            version.status == 0 && version.output.firstMatch(of: #/^\d+\.\d+\.\d+/#) != nil,
            "\(version.output)")
        let help = try await Command.run(["--help"])
        #expect(help.status == 0 && help.output.contains("serve") && help.output.contains("check"))
    }
}
