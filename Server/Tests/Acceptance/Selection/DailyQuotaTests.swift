import Foundation
import Testing
import Wall

/// Daily quotas, from outside.
@Suite(.tags(.measuresTime)) struct DailyQuotas {
    /// P may be asked three times a day and is worth most. The day begins twelve hours from now, so that no test sees it.
    private static func pair(_ path: String, withFallback: Bool = true) async throws -> Pair {
        let hour = (Int(Date().timeIntervalSince1970) / 3600 + 12) % 24
        return try await Pair(settings: {
            $0.server = "state_file: \"\(path)\""
            $0.lines = ["strategy: adaptive", "hedge: false"]
            $0.provider = "api_key: sk-wall-primary-key-0123456789"
            $0.primaryTarget =
                ", quality: 10, requests_per_day: 3, quota_resets_at: \"\(hour < 10 ? "0" : "")\(hour):00\""
            $0.withFallback = withFallback
        }) { Answer.good($0) }
    }

    private static func path() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent(
            "holdfast-quota-\(UUID().uuidString).json"
        ).path
    }

    private static func quota(_ gateway: GatewayProcess) async throws -> [String: Any] {
        let targets = try await Client.get(gateway.port, "/targets").json["targets"] as? [[String: Any]] ?? []
        let target = targets.first { $0["target"] as? String == "p/p-1" }
        return (target?["forecast"] as? [String: Any])?["quota"] as? [String: Any] ?? [:]
    }

    @Test func `a target whose quota is used up is not asked, after a reload and a restart neither`()
        async throws
    {
        let path = Self.path(), pair = try await Self.pair(path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        for _ in 0..<2 { #expect(try await pair.chat().status == 200) }
        let before = try await Self.quota(pair.gateway)
        #expect(before["used"] as? Int == 2 && before["allowed"] as? Int == 3)
        #expect(before["used_up_in_seconds"] == nil, "no hour was seen")
        let left = try #require(before["resets_in_seconds"] as? Double)
        #expect(left > 11 * 3600 && left <= 12 * 3600)
        for _ in 0..<3 { #expect(try await pair.chat().status == 200) }
        #expect(pair.callsToP.count == 3)
        let reply = try await pair.chat()
        let decision = try await Client.decision(pair.gateway.port, reply)
        let plan = decision["plan"] as? [[String: Any]] ?? []
        let place = plan.first { $0["target"] as? String == "p/p-1" } ?? [:]
        #expect(place["eligible"] as? Bool == false)
        #expect((place["reason"] as? String)?.contains("its daily quota is used up") == true)
        let after = try await Self.quota(pair.gateway)
        #expect(after["used"] as? Int == 3 && after["used_up_probability"] as? Double == 1)
        #expect((after["used_up_in_seconds"] as? [String: Double])?["expected"] == 0)
        try await pair.reload(pair.settings.text.replacingOccurrences(of: "total: 20s", with: "total: 25s"))
        #expect(try await pair.chat().status == 200)
        #expect(pair.callsToP.count == 3)
        pair.gateway.signal(SIGTERM)
        #expect(await pair.gateway.waitForExit(.seconds(5)) == 0)
        let next = try await GatewayProcess(pair.settings.text)
        defer { next.stop() }
        #expect(try await Self.quota(next)["used"] as? Int == 3)
        #expect(try await Client.chat(next.port).status == 200)
        #expect(pair.callsToP.count == 3)
    }

    @Test func `when nobody else is left the caller is told at once, and when to come again`() async throws {
        let path = Self.path(), pair = try await Self.pair(path, withFallback: false)
        defer { try? FileManager.default.removeItem(atPath: path) }
        for _ in 0..<3 { #expect(try await pair.chat().status == 200) }
        let reply = try await pair.chat()
        #expect(
            reply.status == 429 && reply.body.contains("insufficient_quota"), "\(reply.status) \(reply.body)")
        #expect(reply.elapsed < .seconds(2), "the route would wait for 2.5 s")
        #expect(pair.callsToP.count == 3)
    }
}
