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
    /// Where its text stands in it, without quotes, and where a string of filling behind that, if there is one.
    private var holes: (text: Range<Int>, filling: Range<Int>?) = (0..<0, nil)
    /// The choice that the text belongs to.
    private(set) var choice = 0

    /// The longest event whose shape is kept, in bytes.
    private static let longest = 16 << 10

    var isEmpty: Bool { event.isEmpty }

    /// Keeps the shape of an event that was read.
    ///
    /// - Parameters:
    ///   - event: The event, by its place in `bytes`; its only data line is at `data`.
    ///   - scan: What was read of that line.
    mutating func keep(
        _ event: Range<Int>, data: Range<Int>, _ scan: ChunkScan, in bytes: UnsafeRawBufferPointer
    ) {
        self.event.removeAll(keepingCapacity: true)
        // Behind a CR a line may go on, and an LF at the beginning belongs to the CR before it.
        guard let part = scan.plainPart, let text = part.content?.range, event.count <= Self.longest,
            bytes[event.lowerBound] != 0x0A, bytes[event.upperBound - 1] == 0x0A
        else { return }
        let shift = data.lowerBound - event.lowerBound
        func hole(_ range: Range<Int>) -> Range<Int> { range.lowerBound + shift..<range.upperBound + shift }
        holes = (hole(text), scan.obfuscation.map(hole))
        if let filling = holes.filling, filling.lowerBound < holes.text.upperBound { return }
        choice = part.choice
        self.event.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[event]))
    }

    /// The event at `start`, if it is whole and of this shape, and its text is not empty; else nil, and it has to be read.
    func match(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Match? {
        guard !event.isEmpty else { return nil }
        return event.withUnsafeBytes { event in
            var index = start
            guard same(event, 0..<holes.text.lowerBound, bytes, at: &index),
                let text = JSONCursor.string(in: bytes, from: index), !text.range.isEmpty
            else { return nil }
            index = text.range.upperBound
            var known = holes.text.upperBound
            if let filling = holes.filling {
                guard same(event, known..<filling.lowerBound, bytes, at: &index),
                    let other = JSONCursor.string(in: bytes, from: index)
                else { return nil }
                index = other.range.upperBound
                known = filling.upperBound
            }
            return same(event, known..<event.count, bytes, at: &index) ? Match(text: text, end: index) : nil
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
