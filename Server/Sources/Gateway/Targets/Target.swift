public import Generation
import JSON
import NIOCore
public import Routing

/// One who can answer for a route: a model of a provider.
public final class Target: Sendable {
    /// Who is asked.
    public let provider: any Provider
    /// The model's name at the provider.
    public let model: String
    /// The same as JSON, for each request to it.
    let quotedModel: ByteBuffer
    /// Its share under the weighted strategy.
    public let weight: Int
    /// How many tokens prompt and answer may have together; nil if that is not known.
    public let window: Int?
    /// How it is asked to go on with a text that another began; nil if it cannot.
    public let prefill: Prefill?
    /// Its prices, quality and limits, for strategies that learn.
    public let facts: TargetFacts
    /// What is known about it and shared with other requests, by the provider's keys in order.
    public let health: [TargetHealth]
    /// The target as it is shown to people.
    public let name: String
    let meters: GatewayMetrics.PerTarget

    /// Creates a target that counts with `metrics`.
    ///
    /// - Parameter countedAs: The name that its counts go by; nil for its own.
    public init(
        provider: any Provider, model: String, weight: Int = 1, window: Int? = nil,
        prefill: Prefill? = nil,
        facts: TargetFacts = TargetFacts(inputPrice: 0, outputPrice: 0, quality: 8.5),
        health: [TargetHealth],
        metrics: GatewayMetrics, countedAs: String? = nil
    ) {
        self.provider = provider
        self.model = model
        quotedModel = ByteBuffer(string: JSONEscapes.quoted(model))
        self.weight = weight
        self.window = window
        self.prefill = prefill
        self.facts = facts
        self.health = health
        name = "\(provider.name)/\(model)"
        meters = metrics.target(countedAs ?? name)
    }

    /// Whether it is this target, with one of its keys.
    func has(_ identity: TargetIdentity) -> Bool { health.contains { $0.identity == identity } }
}
