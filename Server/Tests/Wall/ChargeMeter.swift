import Foundation

/// Finds out from the bytes of a response whether an answer was completed, which is when a provider charges for it.
///
/// A complete answer names a finish reason, streamed or not. The bytes may be sent in any pieces.
struct ChargeMeter {
    /// How a finish reason begins: as it is, with a space, and with each byte in a chunk of its own.
    private static let marks: [Data] = {
        let plain = #""finish_reason":""#
        let chunks = plain.map { "1\r\n\($0)\r\n" }.joined()
        return [plain, #""finish_reason": ""#, chunks].map { Data($0.utf8) }
    }()
    private static let longest = marks.map(\.count).max() ?? 0
    /// How much of an act is looked at, from its end, near which a finish reason stands.
    private static let reach = 1 << 16
    private var tail = Data()

    /// Looks at the next bytes of the response. The search is the library's, since the walls of all tests share a few
    /// event loops and megabytes pass: a loop of ours, not optimised, would hold them all up.
    ///
    /// - Returns: Whether a finish reason has begun in them.
    mutating func completes(_ bytes: [UInt8]) -> Bool {
        let seen = tail + bytes.suffix(Self.reach)
        tail = Data(seen.suffix(Self.longest - 1))
        return Self.marks.contains { seen.range(of: $0) != nil }
    }
}

extension Sequence<Wall.Call> {
    /// How many whole answers were sent to each user.
    public var charges: [String: Int] {
        filter(\.isCharged).reduce(into: [:]) { $0[$1.user, default: 0] += 1 }
    }
}
