extension Rejection.Reason {
    /// The batcher has been closed.
    public static var closed: Self { Self(rawValue: "closed") }
    /// The item weighs more than a batch may.
    public static var tooHeavy: Self { Self(rawValue: "too_heavy") }
}

/// Says that the work of a batcher returned another number of outputs than it got items.
///
/// Which output belongs to which item cannot be known then, so every item of the call gets this error.
public struct OutputCountMismatch: Error, Sendable, Hashable {
    /// The items that the work got.
    public var items: Int
    /// The outputs that it returned.
    public var outputs: Int
}
