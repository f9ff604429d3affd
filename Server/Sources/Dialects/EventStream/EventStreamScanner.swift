import Bytes

/// Finds the events in a stream of server-sent events (WHATWG HTML, section 9.2), wherever the bytes were split.
///
/// Lines may end in LF, CR LF or CR. Only whole events are returned, by offsets into the caller's bytes, so that they can
/// be passed on without a copy. Bytes are looked at once, however small the pieces in which they arrive.
struct EventStreamScanner {
    /// One event, by offsets into the bytes that were scanned.
    struct Event {
        /// The event with the empty line that ends it; a byte order mark before the first is left out.
        var range: Range<Int>
        /// The values of its data lines; empty for a comment or an event without data.
        var data: [Range<Int>]
        /// The value of its event line.
        var name: Range<Int>?
    }

    /// The longest event that is read, in bytes.
    static let maximumEvent = 1 << 20

    /// Thrown when an event is longer than ``maximumEvent``.
    struct TooLong: Error {}

    /// Whether it stands between two events, so that whoever knows the next event by other means may pass it over.
    var isBetweenEvents: Bool {
        !isFirst && !skipsLF && lineStart == 0 && searched == 0 && eventStart == 0 && data.isEmpty
            && name == nil
    }

    private var isFirst = true
    /// Set after a CR, whose LF may come with the next bytes.
    private var skipsLF = false
    /// Where the next line begins, from the start of the event.
    private var lineStart = 0
    /// Bytes of the unfinished line that hold no line end.
    private var searched = 0
    private var data: [Range<Int>] = []
    private var name: Range<Int>?
    private var eventStart = 0

    /// The next whole event at or after `start`.
    ///
    /// Call with the same `start` again when more bytes have come, and with the end of the last event to go on. When
    /// bytes are dropped from the front, they must be those before `start`, and `start` becomes 0.
    mutating func next(in bytes: UnsafeRawBufferPointer, from start: Int) throws(TooLong) -> Event? {
        if isFirst {
            guard bytes.count - start >= 3 || !startsLikeMark(bytes, start) else { return nil }
            isFirst = false
            if bytes.count - start >= 3, bytes[start] == 0xEF, bytes[start + 1] == 0xBB,
                bytes[start + 2] == 0xBF
            {
                eventStart = 3
                lineStart = 3
            }
        }
        if skipsLF, start + lineStart < bytes.count {
            // The LF of a CR LF whose CR came last; if that ended an event, the LF goes with this one, unseen.
            skipsLF = false
            if bytes[start + lineStart] == 0x0A { lineStart += 1 }
        }
        while let end = bytes.firstLineEnd(from: start + lineStart + searched) {
            let line = start + lineStart..<end
            var next = end + 1
            if bytes[end] == 0x0D {
                if next < bytes.count {
                    if bytes[next] == 0x0A { next += 1 }
                } else {
                    skipsLF = true
                }
            }
            searched = 0
            lineStart = next - start
            guard line.isEmpty else {
                take(line, of: bytes, from: start)
                if skipsLF { return try wait(bytes, start) }
                continue
            }
            let event = Event(
                range: start + eventStart..<next, data: data.map { $0.shifted(by: start) },
                name: name.map { $0.shifted(by: start) })
            (data, name, lineStart, eventStart) = ([], nil, 0, 0)
            return event
        }
        return try wait(bytes, start)
    }

    private mutating func wait(_ bytes: UnsafeRawBufferPointer, _ start: Int) throws(TooLong) -> Event? {
        searched = max(0, bytes.count - start - lineStart)
        if bytes.count - start > Self.maximumEvent { throw TooLong() }
        return nil
    }

    private func startsLikeMark(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Bool {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        return bytes[min(start, bytes.count)...].elementsEqual(mark.prefix(bytes.count - start))
    }

    /// Notes a line's field; comments and unknown fields mean nothing.
    private mutating func take(_ line: Range<Int>, of bytes: UnsafeRawBufferPointer, from start: Int) {
        func value(after field: StaticString) -> Range<Int>? {
            let length = field.utf8CodeUnitCount
            guard line.count >= length,
                (0..<length).allSatisfy({ bytes[line.lowerBound + $0] == field.utf8Start[$0] })
            else {
                return nil
            }
            var begin = line.lowerBound + length
            if begin == line.upperBound { return (begin..<begin).shifted(by: -start) }
            guard bytes[begin] == 0x3A else { return nil }
            begin += 1
            if begin < line.upperBound, bytes[begin] == 0x20 { begin += 1 }
            return (begin..<line.upperBound).shifted(by: -start)
        }
        if let range = value(after: "data") {
            data.append(range)
        } else if let range = value(after: "event") {
            name = range
        }
    }
}

extension Range<Int> {
    fileprivate func shifted(by distance: Int) -> Range<Int> {
        lowerBound + distance..<upperBound + distance
    }
}
