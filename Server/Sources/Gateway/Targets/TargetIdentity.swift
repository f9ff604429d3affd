/// What state about a target is kept by: it survives a reload of the configuration as long as these stay the same.
public struct TargetIdentity: Sendable, Hashable {
    /// The provider's name in the configuration.
    public var provider: String
    /// Where it is: its origin, or another text that changes when it becomes someone else.
    public var location: String
    /// The model's name at the provider.
    public var model: String
    /// A digest of the key.
    public var key: String

    /// Creates an identity.
    public init(provider: String, location: String, model: String, key: String) {
        self.provider = provider
        self.location = location
        self.model = model
        self.key = key
    }
}
