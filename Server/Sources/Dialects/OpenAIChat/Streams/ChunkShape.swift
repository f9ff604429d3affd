import Bytes
import JSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The bytes around the text of an event that brought nothing but text, by which the next one like it is known.
///
/// The events of an answer differ in little else than their text. One whose other bytes are the same is read to the same
/// end, so only its text has to be looked at: it must be a whole JSON string.
struct ChunkShape {
    /// What an event of the shape brings.
    struct Match {
        /// Its text, by its place in the bytes that were compared.
        var text: JSONCursor.RawString
        /// Where it ends.
        var end: Int
    }

    /// The whole event as it came.
    private var event: [UInt8] = []
    /// Where the first string that differs stands in it, without quotes, and where the second, if there is one.
    private var holes: (first: Range<Int>, second: Range<Int>?) = (0..<0, nil)
    private var textIsSecond = false
    /// The choice that the text belongs to.
    private(set) var choice = 0

    /// The longest event whose shape is kept, in bytes.
    private static let longest = 16 << 10

    var isEmpty: Bool { event.isEmpty }

    mutating func forget() { event.removeAll(keepingCapacity: true) }

    /// Keeps the shape of an event that was read.
    ///
    /// - Parameters:
    ///   - event: The event, by its place in `bytes`; its only data line is at `data`.
    ///   - scan: What was read of that line.
    mutating func keep(
        _ event: Range<Int>, data: Range<Int>, _ scan: ChunkScan, in bytes: UnsafeRawBufferPointer
    ) {
        forget()
        // Behind a CR a line may go on.
        guard let part = scan.plainPart, let text = part.content?.range, event.count <= Self.longest,
            bytes[event.upperBound - 1] == 0x0A
        else { return }
        let shift = data.lowerBound - event.lowerBound
        let textHole = text.lowerBound + shift..<text.upperBound + shift
        textIsSecond = false
        holes = (textHole, nil)
        if let more = scan.obfuscation {
            let hole = more.lowerBound + shift..<more.upperBound + shift
            textIsSecond = hole.lowerBound < textHole.lowerBound
            holes = textIsSecond ? (hole, textHole) : (textHole, hole)
        }
        choice = part.choice
        self.event.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[event]))
    }

    /// The event at `start`, if it is whole and of this shape, and its text is not empty; else nil, and it has to be read.
    func match(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Match? {
        guard !event.isEmpty else { return nil }
        return event.withUnsafeBytes { event in
            var index = start
            guard same(event, 0..<holes.first.lowerBound, bytes, at: &index),
                let first = JSONCursor.string(in: bytes, from: index)
            else { return nil }
            index = first.range.upperBound
            guard let second = holes.second else {
                guard !first.range.isEmpty,
                    same(event, holes.first.upperBound..<event.count, bytes, at: &index)
                else { return nil }
                return Match(text: first, end: index)
            }
            guard same(event, holes.first.upperBound..<second.lowerBound, bytes, at: &index),
                let other = JSONCursor.string(in: bytes, from: index)
            else { return nil }
            index = other.range.upperBound
            let text = textIsSecond ? other : first
            guard !text.range.isEmpty, same(event, second.upperBound..<event.count, bytes, at: &index) else {
                return nil
            }
            return Match(text: text, end: index)
        }
    }

    /// Whether the bytes at `index` are those of a part of the event; goes behind them.
    private func same(
        _ event: UnsafeRawBufferPointer, _ part: Range<Int>, _ bytes: UnsafeRawBufferPointer,
        at index: inout Int
    ) -> Bool {
        guard part.count <= bytes.count - index, let known = event.baseAddress, let new = bytes.baseAddress,
            memcmp(known + part.lowerBound, new + index, part.count) == 0
        else { return false }
        index += part.count
        return true
    }
}
