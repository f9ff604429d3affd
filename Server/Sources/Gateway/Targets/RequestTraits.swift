import Generation
import NIOCore

/// What requests that fail at a target may have in common although the target is well: the caller, the body, what they
/// need of a model.
struct RequestTraits: Sendable {
    /// The bytes of a body's beginning and of its end by which it is told from others.
    private static let sample = 256

    let request: RequestID
    /// The caller's key, by a number; nil where no keys are needed.
    let caller: Int?
    let features: GenerationRequest.Features
    private let body: ByteBuffer

    init(_ request: GenerationRequest, caller: String?) {
        self.request = request.id
        self.caller = caller.map(\.hashValue)
        features = request.features
        body = request.body
    }

    /// A number that tells the body from others: of its length, its beginning and its end, since it is asked for on the way
    /// of answers too.
    var bodyDigest: Int {
        body.withUnsafeReadableBytes { bytes in
            var hasher = Hasher()
            hasher.combine(bytes.count)
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.sample)))
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes.suffix(Self.sample)))
            return hasher.finalize()
        }
    }
}
