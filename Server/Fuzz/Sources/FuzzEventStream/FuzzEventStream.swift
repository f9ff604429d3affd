import Harness
@testable import Dialects

/// An event, by offsets into the whole input. Its end counts the line feed after a carriage return, which a scanner
/// that has not seen it yet leaves to the next event.
private struct Seen: Equatable {
    var end: Int
    var data: [Range<Int>]
    var name: Range<Int>?
}

/// Finds the same events in a stream whole, in pieces, and as a reader would that has all the lines before it.
@main
struct FuzzEventStream {
    static func main() {
        fuzz(test)
    }

    private static func test(_ bytes: UnsafeRawBufferPointer) {
        let whole = scan(bytes, Pieces(wholeOf: bytes)), parts = scan(bytes, Pieces(of: bytes))
        expect(whole == parts, "in pieces: \(parts), whole: \(whole)")
        let lines = readLines(bytes)
        expect(whole == lines, "by lines: \(lines), whole: \(whole)")
    }
}

private func scan(_ bytes: UnsafeRawBufferPointer, _ pieces: Pieces) -> [Seen] {
    var scanner = EventStreamScanner(), pieces = pieces, seen: [Seen] = [], dropped = 0, start = 0
    while let end = pieces.next() {
        while true {
            let window = UnsafeRawBufferPointer(rebasing: bytes[dropped..<end])
            guard let event = try? scanner.next(in: window, from: start - dropped) else { break }
            check(event, window, from: start - dropped, isFirst: seen.isEmpty)
            start = dropped + event.range.upperBound
            let splitsLineEnd = bytes[start - 1] == 0x0D && start < bytes.count && bytes[start] == 0x0A
            seen.append(
                Seen(
                    end: splitsLineEnd ? start + 1 : start,
                    data: event.data.map { $0.lowerBound + dropped..<$0.upperBound + dropped },
                    name: event.name.map { $0.lowerBound + dropped..<$0.upperBound + dropped }))
            if pieces.drops { dropped = start }
        }
    }
    return seen
}

/// Events follow each other without a gap, and nothing of an event lies outside of it.
private func check(
    _ event: EventStreamScanner.Event, _ window: UnsafeRawBufferPointer, from start: Int, isFirst: Bool
) {
    let begin = event.range.lowerBound
    expect(begin == start || isFirst && begin == 3, "an event begins at \(begin), not at \(start)")
    expect(event.range.upperBound <= window.count && !event.range.isEmpty, "an event is \(event.range)")
    for range in event.data + (event.name.map { [$0] } ?? []) {
        expect(
            range.lowerBound >= begin && range.upperBound < event.range.upperBound,
            "\(range) lies outside of \(event.range)")
    }
}

/// Events by the words of WHATWG HTML, section 9.2, one line after the other, without any care for speed.
private func readLines(_ bytes: UnsafeRawBufferPointer) -> [Seen] {
    var seen: [Seen] = [], event = Seen(end: 0, data: [])
    var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    while let end = bytes[start...].firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) {
        let next = bytes[end] == 0x0D && end + 1 < bytes.count && bytes[end + 1] == 0x0A ? end + 2 : end + 1
        if start == end {
            event.end = next
            seen.append(event)
            event = Seen(end: 0, data: [])
        } else {
            let colon = bytes[start..<end].firstIndex(of: 0x3A) ?? end
            var value = min(colon + 1, end)
            if value < end, bytes[value] == 0x20 { value += 1 }
            if bytes[start..<colon].elementsEqual("data".utf8) { event.data.append(value..<end) }
            if bytes[start..<colon].elementsEqual("event".utf8) { event.name = value..<end }
        }
        start = next
    }
    return seen
}
