import Generation
import NIOCore
import Synchronization

/// A stream of one word, which then ends or breaks.
final class VirtualStream: ReplyStream {
    private static let word = "Hello"

    private let parts = Mutex(1)
    private let failure: AttemptFailure?

    /// - Parameter failure: How it breaks; nil if it does not.
    init(failure: AttemptFailure?) {
        self.failure = failure
    }

    func next() async throws(AttemptFailure) -> ReplyPiece? {
        let hasPart = parts.withLock { parts in
            parts -= 1
            return parts >= 0
        }
        if hasPart { return ReplyPiece(bytes: ByteBuffer(string: Self.word), events: 1, isProgress: true) }
        if let failure { throw failure }
        return nil
    }

    let facts = ReplyFacts()

    var delivered: DeliveredText? {
        var text = DeliveredText()
        text.add(Self.word.utf8, toChoice: 0)
        return text
    }

    func cancel() {}
}
