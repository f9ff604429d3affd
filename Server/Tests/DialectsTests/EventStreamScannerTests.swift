import Testing

@testable import Dialects

@Suite struct EventStreamScannerTests {
    private struct Seen: Equatable {
        var name: String?
        var data: [String]

        init(name: String? = nil, data: [String]) {
            self.name = name
            self.data = data
        }
    }

    /// The events of a stream that arrives in these parts.
    private func scan(_ parts: [[UInt8]]) throws -> [Seen] {
        var scanner = EventStreamScanner(), buffer: [UInt8] = [], seen: [Seen] = []
        for part in parts {
            buffer += part
            var offset = 0
            try buffer.withUnsafeBytes { bytes in
                while let event = try scanner.next(in: bytes, from: offset) {
                    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
                    seen.append(Seen(name: event.name.map(text), data: event.data.map(text)))
                    offset = event.range.upperBound
                }
            }
            buffer.removeFirst(offset)
        }
        return seen
    }

    private static let streams: [(String, [Seen])] = [
        ("data: a\n\ndata: b\n\n", [Seen(data: ["a"]), Seen(data: ["b"])]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", [Seen(data: ["a"]), Seen(data: ["b"])]),
        ("data: a\r\rdata: b\r\r", [Seen(data: ["a"]), Seen(data: ["b"])]),
        ("data: a\r\n\ndata: b\n\r\n", [Seen(data: ["a"]), Seen(data: ["b"])]),
        ("data:a\ndata:  b\ndata\ndata:\n\n", [Seen(data: ["a", " b", "", ""])]),
        (
            ": comment\n\nevent: error\ndata: {}\nid: 7\nretry: 10\nunknown: x\n\n",
            [Seen(data: []), Seen(name: "error", data: ["{}"])]
        ),
        ("\u{FEFF}data: é😀\n\n", [Seen(data: ["é😀"])]),
        ("database: x\ndata : y\n\n", [Seen(data: [])]),
        ("\n\n\ndata: a\n\n", [Seen(data: []), Seen(data: []), Seen(data: []), Seen(data: ["a"])]),
        ("data: unfinished\n", []),
    ]

    @Test(arguments: streams.indices)
    func `events are the same wherever the bytes are split`(index: Int) throws {
        let (text, expected) = Self.streams[index], bytes = Array(text.utf8)
        #expect(try scan([bytes]) == expected)
        #expect(try scan(bytes.map { [$0] }) == expected, "byte by byte")
        for split in 0...bytes.count {
            #expect(
                try scan([Array(bytes[..<split]), Array(bytes[split...])]) == expected, "split at \(split)")
        }
    }

    @Test func `the ranges of events cover the stream without gaps, but for a byte order mark`() throws {
        let bytes = Array("\u{FEFF}data: a\r\n\r\n: c\n\ndata: b\n\n".utf8)
        var scanner = EventStreamScanner(), offset = 0, covered = 0
        try bytes.withUnsafeBytes { bytes in
            while let event = try scanner.next(in: bytes, from: offset) {
                covered += event.range.count
                offset = event.range.upperBound
            }
        }
        #expect(offset == bytes.count)
        #expect(covered == bytes.count - 3)
    }

    @Test func `an event without end is refused at 1 MiB, and looked at once`() {
        var scanner = EventStreamScanner()
        let clock = ContinuousClock()
        let bytes = Array("data: ".utf8) + [UInt8](repeating: 0x61, count: (1 << 20) + 10)
        let elapsed = clock.measure {
            bytes.withUnsafeBytes { all in
                for length in stride(from: 1, to: 1 << 20, by: 256) {
                    let part = UnsafeRawBufferPointer(rebasing: all[..<length])
                    #expect((try? scanner.next(in: part, from: 0))?.range == nil)
                }
                #expect(throws: EventStreamScanner.TooLong.self) { _ = try scanner.next(in: all, from: 0) }
            }
        }
        // Looking at everything again each time would be 2,000 million bytes.
        #expect(elapsed < .seconds(5))
    }
}
