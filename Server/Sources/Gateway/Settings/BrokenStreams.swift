/// What becomes of a stream that breaks after a part of it was delivered.
public enum BrokenStreams: String, Sendable, Hashable, CaseIterable {
    /// The next target answers from scratch; if its text begins with what was delivered, the rest of it follows.
    case splice
    /// The next target that can is given what was delivered and goes on; others as with `splice`.
    case goOn = "continue"
    /// Nothing is delivered before the whole answer is there, so that another target can always take over.
    case buffer
    /// It is said to be broken.
    case off
}
