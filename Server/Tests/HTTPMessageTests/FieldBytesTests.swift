import Testing

@testable import HTTPMessage

@Suite struct FieldBytesTests {
    @Test func `control characters are found wherever they stand, and nothing else is taken for one`() {
        var state: UInt64 = 5
        func next(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        for _ in 0..<20_000 {
            var bytes = (0..<next(40)).map { _ in UInt8(0x20 + next(0xE0)) }
            for _ in 0..<next(3) where !bytes.isEmpty {
                bytes[Int(next(UInt64(bytes.count)))] = UInt8(next(0x100))
            }
            let start = Int(next(UInt64(bytes.count + 1))),
                end = start + Int(next(UInt64(bytes.count - start + 1)))
            let expected = bytes[start..<end].contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }
            let found = bytes.withUnsafeBytes { $0.hasControlCharacter(in: start..<end) }
            #expect(found == expected, "\(bytes) \(start)..<\(end)")
        }
    }

    @Test func `a tab, and bytes that need not be ASCII, are no control characters`() {
        let text = Array("a\tb\tc\tdéàü~ \u{80}\u{FF}".utf8)
        #expect(!text.withUnsafeBytes { $0.hasControlCharacter(in: 0..<text.count) })
    }
}
