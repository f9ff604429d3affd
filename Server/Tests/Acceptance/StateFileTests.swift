import Foundation
import Testing
import Wall

/// `server.state_file`, from outside.
@Suite struct StateFileTests {
    private static func pair(_ path: String) async throws -> Pair {
        try await Pair(settings: {
            $0.server = "state_file: \"\(path)\""
            $0.lines = ["breaker: { minimum_calls: 4, open: 1s }", "retry: { max_attempts: 2 }"]
        }) { $0.user == "bad" ? [Answer.response(503, Answer.error("No."))] : Answer.good($0) }
    }

    private static func path() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent(
            "holdfast-state-\(UUID().uuidString).json"
        ).path
    }

    private static func target(_ gateway: GatewayProcess) async throws -> [String: Any] {
        let reply = try await Client.get(gateway.port, "/targets")
        let targets = reply.json["targets"] as? [[String: Any]] ?? []
        return targets.first { $0["target"] as? String == "p/p-1" } ?? [:]
    }

    private static func figures(_ gateway: GatewayProcess) async throws -> [String: Any] {
        let windows = try await target(gateway)["windows"] as? [String: [String: Any]]
        return windows?["24h"]?["all"] as? [String: Any] ?? [:]
    }

    @Test func `what is known of targets survives the end of the process`() async throws {
        let path = Self.path(), pair = try await Self.pair(path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        for user in ["good", "bad", "good"] { _ = try await pair.chat(more: #","user":"\#(user)""#) }
        #expect(try await eventually { try await Self.figures(pair.gateway)["requests"] as? Int == 3 })
        let before = try await Self.figures(pair.gateway)
        pair.gateway.signal(SIGTERM)
        #expect(await pair.gateway.waitForExit(.seconds(5)) == 0)
        let rights = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(rights == 0o600)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(!text.contains("sk-wall") && !text.contains("0123456789") && !text.contains("Hello"))
        let next = try await GatewayProcess(pair.settings.text)
        defer { next.stop() }
        let after = try await Self.figures(next)
        for name in ["requests", "successes", "success_rate", "input_tokens", "output_tokens", "reliability"]
        {
            #expect(after[name] as? Double == before[name] as? Double && after[name] != nil, "\(name)")
        }
        #expect(after["failures"] as? [String: Int] == ["provider_overload": 1])
        #expect(!next.standardError.contains("state file"))
    }

    @Test func `what selection has learned goes on after a restart, and is a little older then`() async throws
    {
        let path = Self.path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let pair = try await Pair(settings: {
            $0.server = "state_file: \"\(path)\""
            $0.lines = ["strategy: adaptive", "hedge: false"]
            $0.primaryTarget = ", quality: 9.5"
        }) { $0.user == "bad" ? [Answer.response(503, Answer.error("No."))] : Answer.good($0) }
        for number in 0..<20 {
            _ = try await pair.chat(stream: true, more: number == 3 ? #","user":"bad""# : "")
        }
        func learned(_ gateway: GatewayProcess) async throws -> [String: Double] {
            try await Self.target(gateway)["learned"] as? [String: Double] ?? [:]
        }
        let before = try await learned(pair.gateway)
        let evidence = try #require(before["evidence"]), success = try #require(before["success"])
        #expect(evidence > 20 && success > 0.9 && success < 0.98)
        pair.gateway.signal(SIGTERM)
        #expect(await pair.gateway.waitForExit(.seconds(5)) == 0)
        let next = try await GatewayProcess(pair.settings.text)
        defer { next.stop() }
        let after = try await learned(next)
        // Half of the evidence fades in five minutes; a restart takes seconds.
        #expect(after["evidence"] ?? 0 < evidence && after["evidence"] ?? 0 > evidence * 0.9)
        #expect(abs((after["success"] ?? 0) - success) < 0.01)
        #expect(after["first_token_seconds"] == before["first_token_seconds"])
        #expect(after["first_token_seconds"] != nil && after["per_token_seconds"] != nil)
        #expect(after["per_token_seconds"] == before["per_token_seconds"])
        #expect(after["overdue"] == 0)
        let forecast = try await Self.target(next)["forecast"] as? [String: Any]
        let answer = forecast?["next_answer"] as? [String: Any] ?? [:]
        let times = ["first_token_seconds", "seconds"].compactMap { answer[$0] as? [String: Double] }
        #expect(times.count == 2 && times.allSatisfy { $0["p90"] ?? 0 > $0["p50"] ?? 1 }, "\(answer)")
        #expect(answer["tokens"] as? Double == 7, "what the wall's answers say that they have")
        #expect(forecast?["quality"] == nil, "nothing is said before days were seen")
    }

    @Test(arguments: ["{\"format\":\"holdfast-state\",\"version\":9}", "half a fi", ""])
    func `a file that cannot be read does not keep the gateway from starting`(content: String) async throws {
        let path = Self.path()
        try content.write(toFile: path, atomically: false, encoding: .utf8)
        defer {
            for name in [path, path + ".unreadable"] { try? FileManager.default.removeItem(atPath: name) }
        }
        let pair = try await Self.pair(path)
        #expect(try await pair.chat().status == 200)
        #expect(try await eventually { pair.gateway.standardError.contains("the state file is not used") })
        #expect(try String(contentsOfFile: path + ".unreadable", encoding: .utf8) == content)
        #expect(try await eventually { FileManager.default.fileExists(atPath: path) })
    }

    @Test func `a place that cannot be written to is told once, and requests are answered`() async throws {
        let pair = try await Self.pair("/proc/nowhere/state.json")
        func told() -> Int {
            pair.gateway.standardError.components(separatedBy: "the state file is not written").count - 1
        }
        #expect(try await eventually { told() == 1 })
        for _ in 0..<3 { #expect(try await pair.chat().status == 200) }
        pair.gateway.signal(SIGTERM)
        #expect(await pair.gateway.waitForExit(.seconds(5)) == 0)
        #expect(told() == 1)
    }

    @Test func `while a breaker is open its target is ill, and how long that goes on is estimated`()
        async throws
    {
        let path = Self.path(), pair = try await Self.pair(path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        func forecast() async throws -> [String: Any] {
            try await Self.target(pair.gateway)["forecast"] as? [String: Any] ?? [:]
        }
        let well = try await forecast()
        #expect(well["incident"] == nil)
        let base = try #require(well["failure_probability"] as? [String: Double])
        // 74 hours between incidents; three times as many at the peak of the week as usual.
        #expect(try #require(base["5m"]) > 0 && base["5m"] ?? 1 < 0.005)
        #expect(base["30m"] ?? 0 > base["5m"] ?? 1)
        for _ in 0..<4 { _ = try await pair.chat(more: #","user":"bad""#) }
        #expect(try await eventually { try await forecast()["incident"] != nil })
        let ill = try await forecast()
        let incident = try #require(ill["incident"] as? [String: Any])
        let probability = try #require(ill["failure_probability"] as? [String: Double])
        // Of incidents that have just begun nearly all outlast five minutes: their median is 75 minutes.
        #expect(probability["5m"] ?? 0 > 0.95 && probability["30m"] ?? 1 < probability["5m"] ?? 0)
        let median = try #require(incident["median_recovery_seconds"] as? Double)
        #expect(abs(median - 4500) < 300, "\(median)")
        #expect(incident["expected_recovery_seconds"] as? Double ?? 0 > median, "the tail is long")
        #expect(
            try await eventually(.seconds(10)) {
                _ = try await pair.chat()
                return try await forecast()["incident"] == nil
            })
        #expect(try await Self.target(pair.gateway)["breaker"] as? String == "closed")
    }
}
