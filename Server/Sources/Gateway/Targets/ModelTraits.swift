/// What decides whether a target can take a prompt that another called too long.
public struct ModelTraits: Sendable, Hashable {
    /// Its name at the provider.
    public var name: String
    /// How many tokens prompt and answer may have together; nil if that is not known.
    public var window: Int?
    /// How long its first token may take, if that is longer than the route allows.
    public var firstToken: Duration?

    /// Creates a model.
    public init(_ name: String, window: Int? = nil, firstToken: Duration? = nil) {
        self.name = name
        self.window = window
        self.firstToken = firstToken
    }

    /// Whether it may take what is too long for `other`. Where a window is not known, another model may.
    func mayTakeLonger(than other: ModelTraits) -> Bool {
        guard let window, let others = other.window else { return name != other.name }
        return window > others
    }
}
