import CoreMetrics
import Generation
import Resilience
import Testing

@testable import Gateway

@Suite struct ThinkingModelsTests {
    @Test(arguments: [
        ("o1", true), ("o3-mini", true), ("o4-mini-2025-04-16", true), ("openai/o3", true), ("gpt-5", true),
        ("gpt-5-mini", true), ("gpt-5.6-luna", false), ("gpt-5.2-pro", true), ("gpt-4o", false),
        ("grok-4.7", false),
        ("grok-4", true), ("gemini-2.5-pro", true), ("gemini-2.5-flash", false), ("o1000", false),
        ("qwen3", false),
        ("", false), ("/", false),
    ])
    func `models that think unseen are known by their names`(name: String, thinks: Bool) {
        #expect(ThinkingModels.contain(name) == thinks)
    }

    @Test func `such a model has more time beside others, unless a limit was set`() {
        let target = Target(
            provider: SilentProvider(name: "p"), model: "o3", health: [],
            metrics: GatewayMetrics(NOOPMetricsHandler.instance))
        for learns in [true, false] {
            let settings = Route.Settings(
                name: "chat", targets: [target], attempts: AttemptSettings(learnsFirstToken: learns))
            #expect(settings.models.first?.firstToken == (learns ? ThinkingModels.firstToken : nil))
        }
    }

    @Test func `its limits are longer, those of the next target are not`() {
        var machine = Execution.StateMachine(
            [Candidate(target: 0, credential: 0), Candidate(target: 1, credential: 0)],
            bounds: bounds([
                ModelTraits("o3", firstToken: ThinkingModels.firstToken), ModelTraits("m"),
            ]),
            chance: Chance(seed: 1))
        guard case .attempt(let first) = machine.start(at: Instant()) else {
            Issue.record("nobody is asked")
            return
        }
        #expect(first.limits.firstToken == .seconds(30) && first.limits.head == .seconds(30))
        machine.asked(0)
        let failure = AttemptFailure(.timeout, cause: "timed_out", phase: .head, message: "m")
        guard case .attempt(let second) = machine.next(after: .failed(failure), of: 0, at: Instant()) else {
            Issue.record("nobody else is asked")
            return
        }
        #expect(second.limits.firstToken == .seconds(4))
    }

    private func bounds(_ models: [ModelTraits]) -> Execution.Bounds {
        var bounds = Execution.Bounds(
            deadline: Instant().advanced(by: .seconds(120)), retry: RetrySettings(), limits: PhaseLimits())
        bounds.models = models
        return bounds
    }
}
