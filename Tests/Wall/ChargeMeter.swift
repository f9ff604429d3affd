/// Finds out from the bytes of a response whether an answer was completed, which is when a provider charges for it.
///
/// A complete answer names a finish reason, streamed or not. The bytes may be sent in any pieces. What stands between
/// them does not count: spaces, line ends, and the sizes of chunks of less than ten bytes.
struct ChargeMeter {
    private static let mark = Array(#""finish_reason":""#.utf8)
    private var matched = 0

    /// Looks at the next bytes of the response.
    ///
    /// - Returns: Whether a finish reason ends in them.
    mutating func completes(_ bytes: [UInt8]) -> Bool {
        for byte in bytes where byte > 0x20 && !(0x30...0x39).contains(byte) {
            // In JSON two names never stand side by side, so a mark begins anew only at a quote.
            matched = byte == Self.mark[matched] ? matched + 1 : byte == Self.mark[0] ? 1 : 0
            if matched == Self.mark.count { return true }
        }
        return false
    }
}

extension Sequence<Wall.Call> {
    /// How many whole answers were sent to each user.
    public var charges: [String: Int] {
        filter(\.isCharged).reduce(into: [:]) { $0[$1.user, default: 0] += 1 }
    }
}
