public import Generation

/// What a request is like, as far as the choice of a target goes.
public struct RequestShape: Sendable, Hashable {
    /// The tokens of its prompt. Range: 0 or more.
    public var input: Double
    /// The tokens that its answer is expected to have. Range: 0 or more.
    public var output: Double

    /// Creates a shape.
    public init(input: Double, output: Double) {
        self.input = max(0, input)
        self.output = max(0, output)
    }

    /// Whether its prompt is a long one. Providers fail on long prompts more often than on others, so their success is
    /// estimated apart.
    public var isLong: Bool { input >= 2500 }
}

/// What is known of a target without asking it.
public struct TargetFacts: Sendable, Hashable {
    /// Dollars for one token of a prompt.
    public var inputPrice: Double
    /// Dollars for one token of an answer.
    public var outputPrice: Double
    /// How good its answers are. Range: 0 to 10.
    public var quality: Double
    /// The requests that its provider allows; nil if that is not known.
    public var limit: RateLimit?

    /// Creates facts.
    public init(inputPrice: Double, outputPrice: Double, quality: Double, limit: RateLimit? = nil) {
        self.inputPrice = inputPrice
        self.outputPrice = outputPrice
        self.quality = quality
        self.limit = limit
    }

    /// What a request is expected to cost, in dollars.
    public func price(of shape: RequestShape) -> Double {
        shape.input * inputPrice + shape.output * outputPrice
    }
}
