import Testing

@testable import Bytes

/// The check of UTF-8 agrees with the standard library's.
@Suite struct UTF8TextTests {
    private func theirs(_ bytes: [UInt8]) -> Bool {
        String(validating: bytes, as: UTF8.self) != nil
    }

    private func ours(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes(\.isUTF8) }

    @Test func `every text of up to two bytes, and every lead with three, is judged alike`() {
        var differing: [[UInt8]] = []
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                var texts: [[UInt8]] = [[first], [first, second]]
                if first >= 0xC0 {
                    for third: UInt8 in [0x00, 0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC0, 0xFF] {
                        texts.append([first, second, third])
                        texts.append([first, second, third, 0x80])
                        texts.append([first, second, third, 0xBF, 0x61])
                        texts.append([first, second, third, 0x40])
                    }
                }
                differing += texts.filter { ours($0) != theirs($0) }
            }
        }
        #expect(differing.isEmpty, "\(differing.prefix(5))")
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `texts of characters with a byte changed, cut or added are judged alike, wherever they stand`(
        seed: UInt64
    ) {
        var state = seed, valid = 0
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let pieces = [
            "a", "abcdefghijklmnopqrstuvwxyz", "\u{E9}", "\u{4E2D}\u{6587}", "\u{1F600}", "\u{7FF}",
            "\u{800}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}", "\u{D7FF}", "\u{E000}",
        ]
        for _ in 0..<10_000 {
            var text = Array((0..<random(8)).map { _ in pieces[random(pieces.count)] }.joined().utf8)
            switch random(4) {
            case 0 where !text.isEmpty: text[random(text.count)] = UInt8(truncatingIfNeeded: random(256))
            case 1 where !text.isEmpty: text.remove(at: random(text.count))
            case 2: text.insert(UInt8(truncatingIfNeeded: random(256)), at: random(text.count + 1))
            default: break
            }
            let isValid = theirs(text)
            if isValid { valid += 1 }
            #expect(ours(text) == isValid, "\(text)")
        }
        #expect((2000...9500).contains(valid))
    }
}
