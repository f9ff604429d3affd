import Foundation

/// Finds out from the bytes of a response whether an answer was completed, which is when a provider charges for it.
///
/// A complete answer names a finish reason, streamed or not. The bytes may be sent in any pieces.
struct ChargeMeter {
    private static let mark = Data(#""finish_reason":""#.utf8)
    private var tail: [UInt8] = []

    /// Looks at the next bytes of the response.
    ///
    /// - Returns: Whether a finish reason ends in them.
    mutating func completes(_ bytes: [UInt8]) -> Bool {
        let seen = tail + bytes
        tail = seen.suffix(Self.mark.count - 1)
        return Data(seen).range(of: Self.mark) != nil
    }
}

extension Sequence<Wall.Call> {
    /// How many whole answers were sent to each user.
    public var charges: [String: Int] {
        filter(\.isCharged).reduce(into: [:]) { $0[$1.user, default: 0] += 1 }
    }
}
