/// What one choice of an answer says, read for those who judge whether it is good enough.
public struct AnsweredChoice: Sendable, Hashable {
    /// Its text, without thoughts.
    public var text = ""
    /// Whether the model says in the dialect's own way that it refuses.
    public var isRefused = false
    /// Whether it holds something other than text, such as a tool call or audio.
    public var hasMore = false
    /// Why it ended; nil if that is not said.
    public var finishReason: FinishReason?

    /// Creates a choice that says nothing.
    public init() {}
}
