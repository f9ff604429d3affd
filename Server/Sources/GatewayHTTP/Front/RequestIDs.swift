import Generation

/// Makes the identities of the requests of one event loop.
///
/// They are drawn from the system's source of randomness, many at a time: where no keys are needed, who knows an identity
/// may read the decision about that request, so nobody shall be able to foretell the next one from those that were seen.
struct RequestIDs {
    /// How many random words are fetched at a time: 256 bytes, which systems give in one call.
    private static let wordsFetched = 32

    private let entropy: @Sendable (UnsafeMutableRawBufferPointer) -> Void
    private var words: [UInt64] = []

    /// - Parameter entropy: Fills memory with random bytes that nobody can foretell.
    init(_ entropy: @escaping @Sendable (UnsafeMutableRawBufferPointer) -> Void) {
        self.entropy = entropy
    }

    mutating func next() -> RequestID {
        if words.count < 2 {
            var fetched = [UInt64](repeating: 0, count: Self.wordsFetched)
            fetched.withUnsafeMutableBytes { entropy($0) }
            words = fetched
        }
        // There are two, or the line above has fetched them.
        return RequestID(words.removeLast(), words.removeLast())
    }
}
