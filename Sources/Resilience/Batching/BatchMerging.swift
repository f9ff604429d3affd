/// Which items of a batcher are one and the same, so that one of them is sent for all.
///
/// ```swift
/// let batcher = Batcher("embeddings", merging: .equal) { texts in try await embed(texts) }
/// ```
///
/// An item is merged with one that still waits; with one whose batch is under way it is not, since that may have been
/// read already. All callers of a merged item get its output or its error. A caller that is cancelled, or whose deadline
/// passes, leaves alone: the item goes when nobody waits for it any more. The earliest deadline among them hurries the
/// batch. Merged items take one place of ``BatcherPolicy/queue`` and of the batch, and weigh what the first of them does.
/// (The way of dataloader, which besides keeps what it loaded; for that see ``Cache``.)
public struct BatchMerging<Item>: Sendable {
    let key: (@Sendable (Item) -> BatchKey)?

    /// Each caller's item is sent.
    public static var none: BatchMerging { BatchMerging(key: nil) }

    /// Items with equal keys are one: the item of the first caller that still waits is sent for all of them.
    ///
    /// - Parameter key: Names what makes an item; called once for each, outside of any lock.
    public static func by<Key: Hashable & Sendable>(
        _ key: @escaping @Sendable (Item) -> Key
    ) -> BatchMerging {
        BatchMerging { BatchKey(key($0)) }
    }
}

extension BatchMerging where Item: Hashable & Sendable {
    /// Equal items are one.
    public static var equal: BatchMerging { BatchMerging { BatchKey($0) } }
}

/// What makes an item, of whatever type.
struct BatchKey: Hashable, Sendable {
    private let value: any Hashable & Sendable

    init(_ value: any Hashable & Sendable) {
        self.value = value
    }

    static func == (left: BatchKey, right: BatchKey) -> Bool {
        AnyHashable(left.value) == AnyHashable(right.value)
    }

    func hash(into hasher: inout Hasher) { value.hash(into: &hasher) }
}
