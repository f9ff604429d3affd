import Testing

@testable import Generation

@Suite struct RequestIDTests {
    /// The text as it was made before an identity was two words.
    private func text(_ high: UInt64, _ low: UInt64) -> String {
        var text = "req_"
        for word in [high, low] {
            var left = word
            for _ in 0..<13 {
                text.append(Array("abcdefghijklmnopqrstuvwxyz234567")[Int(left & 31)])
                left >>= 5
            }
        }
        return text
    }

    @Test func `an identity and its text mean each other`() {
        var generator = SystemRandomNumberGenerator()
        for round in 0..<2000 {
            let edge: [UInt64] = [0, 1, .max, .max - 1, 1 << 63, 1 << 59]
            let high = round < 36 ? edge[round / 6] : generator.next()
            let low = round < 36 ? edge[round % 6] : generator.next()
            let id = RequestID(high, low)
            #expect(id.description == text(high, low))
            #expect(RequestID(id.description) == id)
        }
    }

    @Test(arguments: [
        "", "req_", "req_aaaaaaaaaaaaaaaaaaaaaaaaa", "req_aaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "reqaaaaaaaaaaaaaaaaaaaaaaaaaaa", "req_aaaaaaaaaaaaaaaaaaaaaaaaa1", "req_Aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "req_aaaaaaaaaaaaäaaaaaaaaaaaaa",
        // More bits than a word has: there is no such identity, and none that it could be taken for.
        "req_aaaaaaaaaaaaqaaaaaaaaaaaaa", "req_aaaaaaaaaaaaaaaaaaaaaaaaaq", "req_7777777777777777777777777a",
    ])
    func `other texts are no identities`(text: String) {
        #expect(RequestID(text) == nil)
    }
}
