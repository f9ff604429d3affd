/// One who can be asked: a target with one of its keys.
public struct Candidate: Sendable, Hashable {
    /// The target's index in the route.
    public var target: Int
    /// The key's index at the provider.
    public var credential: Int

    /// Creates a candidate.
    public init(target: Int, credential: Int) {
        self.target = target
        self.credential = credential
    }
}
