import Generation
import NIOCore

/// What of a stream is held back: what comes before its first meaningful part, within bounds, or all of it.
struct HeldPieces {
    /// The most a stream may send before its first meaningful part.
    private static let maximumEvents = 64, maximumBytes = 256 * 1024

    /// Whether all is held back, which the provider's limit for an answer bounds.
    let isWhole: Bool
    private var pieces: [ReplyPiece] = []
    private var events = 0, bytes = 0
    private var hasProgress = false

    init(isWhole: Bool) {
        self.isWhole = isWhole
    }

    mutating func add(_ piece: ReplyPiece) throws(StreamEnd) {
        pieces.append(piece)
        hasProgress = hasProgress || piece.isProgress
        guard !hasProgress else { return }
        events += piece.events
        bytes += piece.bytes.readableBytes
        if events > Self.maximumEvents || bytes > Self.maximumBytes {
            throw .failed(
                AttemptFailure(
                    .apiFailure, cause: "no_answer", phase: .firstToken,
                    message: "the provider's stream begins with too much that is no answer"))
        }
    }

    /// All of it as one piece.
    var joined: ReplyPiece {
        guard var first = pieces.first else {
            return ReplyPiece(bytes: ByteBuffer(), events: 0, isProgress: false)
        }
        for piece in pieces.dropFirst() {
            first.bytes.writeImmutableBuffer(piece.bytes)
            first.events += piece.events
            first.isProgress = first.isProgress || piece.isProgress
        }
        return first
    }
}

/// Why a stream is not passed on any further.
enum StreamEnd: Error {
    case failed(AttemptFailure)
    case callerLeft
}
