import Foundation
import Simulation
import Synchronization
import Wall

/// A world's scenario in real time: its providers are walls that do what the world says for each request, its requests
/// come to the gateway at their moments.
final class LiveWorld: Sendable {
    /// What came of it.
    struct Result {
        var requests = 0
        var success = 0.0
        var firstTry = 0.0
        var failoverUnderFiveSeconds = 0.0
        var amplification = 0.0
        var latency = 0.0
    }

    /// What became of one request.
    private struct End: Sendable {
        var succeeded: Bool
        var attempts: Int
        var failures: Int
        var latency: Double
        /// Seconds until the attempt began that answered, if another one had failed before.
        var failover: Double?
    }

    private struct State {
        var world: World
        var began: ContinuousClock.Instant?
    }

    private let file: WorldFile
    private let scenario: WorldFile.Scenario
    private let state: Mutex<State>

    init(_ scenario: WorldFile.Scenario, in file: WorldFile, seed: UInt64) {
        self.file = file
        self.scenario = scenario
        state = Mutex(State(world: World(scenario, in: file, seed: seed)))
    }

    func play() async throws -> Result {
        let wall = Wall { [self] call in acts(for: call) }
        let port = try await wall.start()
        let gateway = try await GatewayProcess(configuration(port), places: Stage.shared.places)
        defer { gateway.stop() }
        let requests = state.withLock { $0.world.requests }
        state.withLock { $0.began = .now + .milliseconds(200) }
        var ends: [End] = []
        try await withThrowingTaskGroup(of: End.self) { group in
            for request in requests {
                group.addTask { try await self.ask(request, gateway.port) }
            }
            for try await end in group { ends.append(end) }
        }
        return Self.summary(ends)
    }

    private static func summary(_ ends: [End]) -> Result {
        var result = Result(), failovers = 0, quick = 0
        result.requests = ends.count
        let count = Double(ends.count), answered = ends.filter(\.succeeded)
        result.success = Double(answered.count) / count
        result.firstTry = Double(answered.count { $0.failures == 0 }) / count
        result.amplification = Double(ends.reduce(0) { $0 + $1.attempts }) / count
        result.latency = answered.reduce(0) { $0 + $1.latency } / Double(answered.count)
        for end in answered {
            guard let failover = end.failover else { continue }
            failovers += 1
            if failover < 5 { quick += 1 }
        }
        result.failoverUnderFiveSeconds = failovers == 0 ? 1 : Double(quick) / Double(failovers)
        return result
    }

    // MARK: The caller

    private func ask(_ request: World.Request, _ port: Int) async throws -> End {
        let began = state.withLock { $0.began } ?? .now
        try await Task.sleep(until: began + .seconds(request.arrival))
        let prompt = String(repeating: "word", count: request.input)
        let body =
            #"{"model":"chat","stream":true,"stream_options":{"include_usage":true},"max_tokens":"#
            + "\(Int(request.estimate)),\"user\":\"\(request.index)\","
            + "\"messages\":[{\"role\":\"user\",\"content\":\"\(prompt)\"}]}"
        let start = ContinuousClock.now
        let reply = try await Client.post(port, "/v1/chat/completions", body, limit: .seconds(40))
        let latency = start.duration(to: .now) / .seconds(1)
        let succeeded =
            reply.status == 200 && reply.text.contains("data: [DONE]") && !reply.text.contains("\"error\"")
        let decision = try await Client.decision(port, reply)
        let attempts = (decision["steps"] as? [[String: Any]] ?? []).filter {
            $0["step"] as? String == "attempt"
        }
        let failures = attempts.count { $0["outcome"] as? String == "failed" }
        let last = attempts.last { $0["outcome"] as? String == "ok" }?["begin_ms"] as? Double
        return End(
            succeeded: succeeded, attempts: attempts.count, failures: failures, latency: latency,
            failover: failures > 0 ? last.map { $0 / 1000 } : nil)
    }

    private func configuration(_ port: Int) -> String {
        let providers = scenario.providers.map { provider in
            "  \(provider.name): { kind: openai, base_url: \"http://127.0.0.1:\(port)/v1\", api_key: none }"
        }
        let targets = scenario.providers.map { provider in
            "      - { provider: \(provider.name), model: \(provider.name), price_in: \(provider.inputPrice), "
                + "price_out: \(provider.outputPrice), quality: \(provider.quality), "
                + "requests_per_minute: \(provider.rateLimit * 60), burst: \(provider.burst) }"
        }
        return """
            providers:
            \(providers.joined(separator: "\n"))
            models:
              chat:
                strategy: adaptive
                minimum_quality: \(file.utility.leastQuality)
                timeouts: { head: 30s, first_token: 30s, idle: 30s, total: 30s }
                retry: { max_attempts: 5, patience: 30s }
                targets:
            \(targets.joined(separator: "\n"))
            """
    }

    // MARK: The providers

    private func acts(for call: Wall.Call) -> [Wall.Act] {
        guard let index = Int(call.user),
            let provider = scenario.providers.firstIndex(where: { $0.name == call.model })
        else { return [Answer.response(400, Answer.error("whose?"))] }
        let (attempt, output) = state.withLock { state in
            let time = state.began.map { $0.duration(to: .now) / .seconds(1) } ?? 0
            return (
                state.world.attempt(of: index, at: provider, time: max(0, time)),
                state.world.requests[index].output
            )
        }
        switch attempt.outcome {
        case .rejected(let wait):
            let fields = ["retry-after-ms: \(Int((wait * 1000).rounded(.up)))"]
            return [
                .wait(.seconds(attempt.outcome.total)),
                Answer.response(429, Answer.error("busy"), fields: fields),
            ]
        case .serverError(let after):
            return [.wait(.seconds(after)), Answer.response(500, Answer.error("no"))]
        case .badRequest:
            return [.wait(.seconds(attempt.outcome.total)), Answer.response(400, Answer.error("bad"))]
        case .hang: return [.hang]
        case .answer(let first, let total, _): return Self.answer(first, total, tokens: output)
        }
    }

    private static func answer(_ first: Double, _ total: Double, tokens: Int) -> [Wall.Act] {
        let parts = 8
        var acts = [Answer.streamHead, Answer.role(), .wait(.seconds(first))]
        acts += Answer.words(["w0"])
        for part in 1...parts {
            acts.append(.wait(.seconds((total - first) / Double(parts))))
            acts += Answer.words([" w\(part)"])
        }
        let usage =
            #"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795200000,"model":"wall-1","choices":[],"#
            + "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":\(tokens),\"total_tokens\":\(tokens + 5)}}"
        return acts + [Answer.finish(), Answer.event(usage), Answer.done, Answer.streamEnd]
    }
}
