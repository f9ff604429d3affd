import Testing

@testable import Bytes

/// What is found many bytes at a time is what a plain search finds.
@Suite struct ByteSearchTests {
    private struct Random {
        var state: UInt64

        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
    }

    /// Compares with a search that looks at one byte after the other.
    private func compare<Stops: ByteStops>(_ stops: Stops.Type, _ isStop: (UInt8) -> Bool, seed: UInt64) {
        var random = Random(state: seed), found = 0
        let ends = (UInt8.min...UInt8.max).filter(isStop)
        let others = (UInt8.min...UInt8.max).filter { !isStop($0) }
        for _ in 0..<4000 {
            let memory = (0..<random.next(300)).map { _ in
                // Few stops, so that many bytes are passed over.
                let these = random.next(30) == 0 ? ends : others
                return these[random.next(these.count)]
            }
            let begin = random.next(memory.count + 1), start = random.next(memory.count - begin + 1)
            memory[begin...].withUnsafeBytes { bytes in
                let plain = bytes[start...].firstIndex(where: isStop) ?? bytes.count
                if plain < bytes.count { found += 1 }
                #expect(bytes.firstOffsetByWords(of: stops, from: start) == plain, "\(memory)")
                #expect(bytes.firstOffsetByBlocks(of: stops, from: start) == plain, "\(memory)")
                #expect(bytes.nearOffsetByBlocks(of: stops, from: start) == plain, "\(memory)")
            }
        }
        #expect(found > 400)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `any search finds what a search by single bytes finds`(seed: UInt64) {
        compare(LineEnds.self, { $0 == 0x0A || $0 == 0x0D }, seed: seed)
        compare(BeyondASCII.self, { $0 >= 0x80 }, seed: seed)
    }

    @Test(arguments: ["\n", "\r", "\r\n"])
    func `lines end where a plain search finds the first LF or CR`(end: String) {
        for length in 0..<40 {
            for before in 0..<3 {
                let text = Array((String(repeating: "a", count: before + length) + end + "b\n\r").utf8)
                let found = text.withUnsafeBytes { $0.firstLineEnd(from: before) }
                #expect(found == before + length)
            }
        }
        #expect(Array("no end at all, nowhere".utf8).withUnsafeBytes { $0.firstLineEnd(from: 0) } == nil)
    }

    @Test func `blanks go from both ends and from nowhere else`() {
        for (text, rest) in [("", ""), (" ", ""), (" \t a b\t", "a b"), ("a", "a"), ("\na ", "\na")] {
            #expect(text.withoutBlanks == rest)
            let bytes = Array(text.utf8)
            bytes.withUnsafeBytes {
                #expect(String(decoding: $0[$0.trimmed(0..<$0.count)], as: UTF8.self) == rest)
            }
        }
    }

    @Test func `each hexadecimal digit has its value, and nothing else has one`() {
        for byte in UInt8.min...UInt8.max {
            let digit = Character(Unicode.Scalar(byte)).hexDigitValue
            #expect(hexDigit(byte).map(Int.init) == (byte < 0x80 ? digit : nil))
            #expect(isDigit(byte) == (0x30...0x39).contains(byte))
        }
    }
}
