import CoreMetrics
import Generation
import NIOCore
import Resilience
import ResilienceTesting
import Routing
import Synchronization
import Testing

@testable import Gateway

/// Requests on an adaptive route, of which one of two targets was so slow that it is not asked any more.
@Suite struct ExploringRequestsTests {
    /// Answers at once.
    private struct Prompt: Provider {
        let name: String
        let credentials = [Credential(index: 0, label: "key 1", identity: "d1")]

        func attempt(_ call: ProviderCall) async throws(AttemptFailure) -> Reply {
            .whole(
                WholeReply(
                    body: ByteBuffer(),
                    facts: ReplyFacts(usage: Usage(promptTokens: 100, completionTokens: 10))))
        }
    }

    /// Takes what it is given.
    private final class Caller: ReplySink {
        func deliver(_ reply: WholeReply, _ summary: DecisionSummary) async throws(CallerLeft) {}
        func begin(_ summary: DecisionSummary) async throws(CallerLeft) {}
        func deliver(_ piece: ReplyPiece) async throws(CallerLeft) {}
        func finish() async throws(CallerLeft) {}
        func interrupt(_ failure: AttemptFailure) async throws(CallerLeft) {}
        func refuse(_ failure: GatewayFailure, _ summary: DecisionSummary) async throws(CallerLeft) {}
    }

    private let clock = VirtualClock()
    private let metrics = GatewayMetrics(NOOPMetricsHandler.instance)

    private var time: TimeSource { TimeSource(clock) }

    private func gateway(_ change: (inout Route.Settings) -> Void = { _ in }) -> Gateway {
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in })
        let targets = ["good", "slow"].map { name in
            let health = registry.health(
                of: TargetIdentity(provider: name, location: "", model: "m", key: "d1"),
                label: "\(name)/m", credential: "key 1", settings: .init(breaker: .learned, bulkhead: nil))
            if name == "slow" { slow(health) }
            return Target(
                provider: Prompt(name: name), model: "m",
                facts: TargetFacts(inputPrice: 1e-6, outputPrice: 1e-6, quality: 9), health: [health],
                metrics: metrics)
        }
        var settings = Route.Settings(name: "chat", targets: targets, selection: SelectionSettings(.adaptive))
        change(&settings)
        let route = Route(settings, metrics: metrics, chance: Chance(seed: 2))
        return Gateway(
            Gateway.Routes([route]), targets: registry, time: time,
            wallClockMilliseconds: { 1_795_300_000_000 })
    }

    /// Lets a target have taken half a minute for the first tokens of ten answers.
    private func slow(_ health: TargetHealth) {
        for _ in 0..<10 {
            health.estimate.withLock { estimate in
                estimate.firstToken(of: estimate.began(at: 0), after: 30, at: 0)
            }
        }
    }

    /// The decisions about so many requests, a second apart.
    private func decisions(
        _ gateway: Gateway, requests: Int, _ wishes: CallerWishes = CallerWishes()
    ) async throws -> [Decision] {
        let route = try #require(gateway.route(for: "chat"))
        var decisions: [Decision] = []
        for number in 0..<requests {
            let id = RequestID(7, UInt64(number))
            let request = GenerationRequest(
                id: id, model: "chat", streams: false, wantsUsage: false, choices: 1,
                body: ByteBuffer(string: "{}"), marks: GenerationRequest.Marks(model: 0..<0, start: 0))
            await gateway.answer(
                request, by: route, caller: nil, wishes: wishes, arrivedAt: gateway.now, into: Caller())
            decisions.append(try #require(gateway.decisions[id]))
            clock.advance(by: .seconds(1))
        }
        return decisions
    }

    private func purposes(_ decision: Decision) -> [AttemptPurpose] {
        decision.steps.compactMap { step in
            if case .attempt(let purpose, nil, _) = step.kind { purpose } else { nil }
        }
    }

    @Test func `a target that nobody asks is asked first now and then, and the decision says so`()
        async throws
    {
        let decisions = try await decisions(gateway(), requests: 1150)
        // From the six hundredth second on, each request counts as one of 500.
        let place = try #require(decisions.firstIndex { purposes($0) == [.exploration] })
        #expect((1098...1101).contains(place))
        #expect(decisions[..<place].allSatisfy { purposes($0) == [.first] && $0.provider == "good" })
        let one = decisions[place]
        #expect(one.provider == "slow")
        #expect(one.advantage == "slow/m before good/m: to learn how it is, since nobody asked it for long")
        #expect(
            one.plan[0].why.hasSuffix(
                "asked first to learn how it is, since nobody has asked it for \(place) s"))
        // It is quick again: that was worth knowing.
        #expect(decisions[(place + 1)...].contains { purposes($0) == [.first] && $0.provider == "slow" })
    }

    @Test func `nobody explores with a session or without fallback, nor where a slow answer is not seen`()
        async throws
    {
        var wishes = CallerWishes()
        wishes.session = StickySessions.Key(1, 2)
        for gateway in [
            gateway { $0.selection.hedges = false }, gateway { $0.selection.preferences.fallback = false },
            gateway { $0.selection.preferences.tier = .enterprise },
            gateway { $0.attempts.wholeAnswers = .plain },
        ] {
            #expect(try await decisions(gateway, requests: 1200).allSatisfy { $0.provider == "good" })
        }
        #expect(try await decisions(gateway(), requests: 1200, wishes).allSatisfy { $0.provider == "good" })
    }

    @Test func `the seed of a decision gives its noise again`() async throws {
        let gateway = gateway(), route = try #require(gateway.route(for: "chat"))
        let decision = try #require(try await decisions(gateway, requests: 1).first)
        let candidates = try #require(route.selector).candidates
        let other = self.gateway()
        let fresh = try #require(other.route(for: "chat")?.selector).candidates
        var chance: Chance? = Chance(seed: try #require(decision.seed))
        let shape = RequestShape(input: 0.5, output: 300)
        for (index, candidate) in fresh.enumerated() {
            let assessment = candidate.health.assess(
                shape, candidates[index].facts, AdaptiveWeights(), timeLeft: 120, chance: &chance, at: 0)
            let planned = try #require(
                decision.plan.first { $0.target == ["good/m", "slow/m"][index] }?.standing)
            #expect(planned.assessment == assessment)
        }
    }
}
