/// What an answer cost in tokens.
public struct Usage: Sendable, Hashable {
    /// The tokens of the prompt, cached ones included.
    public var promptTokens: Int
    /// The tokens of the answer.
    public var completionTokens: Int
    /// Whether the provider did not say, or said nonsense, and the figures are counted by us.
    public var isEstimated: Bool

    /// Creates a usage, in tokens.
    public init(promptTokens: Int, completionTokens: Int, isEstimated: Bool = false) {
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.isEstimated = isEstimated
    }
}
