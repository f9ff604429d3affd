/// What state about a target is kept by: it survives a reload of the configuration as long as these stay the same.
///
/// Every step of every decision carries one and every book is kept by it, so it is made once for a target: copies share
/// what it consists of, its hash and its name.
public struct TargetIdentity: Sendable, Hashable {
    private final class Parts: Sendable {
        let provider: String, location: String, model: String, key: String
        let name: String
        let hash: Int

        init(_ provider: String, _ location: String, _ model: String, _ key: String) {
            (self.provider, self.location, self.model, self.key) = (provider, location, model, key)
            name = "\(provider)/\(model)"
            var hasher = Hasher()
            for part in [provider, location, model, key] { hasher.combine(part) }
            hash = hasher.finalize()
        }
    }

    private let parts: Parts

    /// Creates an identity.
    ///
    /// - Parameters:
    ///   - provider: The provider's name in the configuration.
    ///   - location: Where it is: its origin, or another text that changes when it becomes someone else.
    ///   - model: The model's name at the provider.
    ///   - key: A digest of the key.
    public init(provider: String, location: String, model: String, key: String) {
        parts = Parts(provider, location, model, key)
    }

    /// The provider's name in the configuration.
    public var provider: String { parts.provider }
    /// Where it is.
    public var location: String { parts.location }
    /// The model's name at the provider.
    public var model: String { parts.model }
    /// A digest of the key.
    public var key: String { parts.key }
    /// The target as it is shown to people: provider and model.
    public var name: String { parts.name }

    /// Whether both are the same target with the same key.
    public static func == (left: TargetIdentity, right: TargetIdentity) -> Bool {
        let (left, right) = (left.parts, right.parts)
        return left === right
            || left.hash == right.hash && left.provider == right.provider && left.model == right.model
                && left.key == right.key && left.location == right.location
    }

    /// Feeds the hash that was made with the identity.
    public func hash(into hasher: inout Hasher) { hasher.combine(parts.hash) }
}
