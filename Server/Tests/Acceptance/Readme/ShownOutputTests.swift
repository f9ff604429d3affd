import Testing

/// That the comparison with a document's output finds what differs.
@Suite struct ShownOutputTests {
    private static let one = "req_" + String(repeating: "a", count: 26)
    private static let two = "req_" + String(repeating: "b", count: 26)

    private func flaws(_ printed: String, _ shown: String, _ language: String = "json") -> [String] {
        var output = ShownOutput()
        return output.flaws(of: printed, shown: shown, language: language)
    }

    @Test(arguments: [
        (#"{"a": 1, "b": [1, 2], "c": 3}"#, #"{"a": 1, "b": [1, ...], ...}"#),
        (#"{"took_ms": 99.5}"#, #"{"took_ms": 0.1}"#),
        (#"{"text": "This is it, all of it."}"#, #"{"text": "This is it..."}"#),
        (#"{"a": true, "n": null}"#, #"{"n": null, "a": true}"#),
    ])
    func `what is shown is found`(printed: String, shown: String) {
        #expect(flaws(printed, shown) == [])
    }

    @Test(arguments: [
        (#"{"a": 1, "b": 2}"#, #"{"a": 1}"#), (#"{"a": 1}"#, #"{"a": 1, "b": 2}"#),
        (#"{"a": 1}"#, #"{"a": 2}"#),
        (#"{"a": [1, 2]}"#, #"{"a": [1]}"#), (#"{"a": [1]}"#, #"{"a": [1, 2, ...]}"#),
        (#"{"a": "x"}"#, #"{"a": "y"}"#), (#"{"took_ms": "long"}"#, #"{"took_ms": 1}"#),
        (#"{"a": "1"}"#, #"{"a": 1}"#),
        ("no JSON", #"{"a": 1}"#), (#"{"a": 1}"#, "no JSON"), (#"{"a": "It is."}"#, #"{"a": "This..."}"#),
    ])
    func `what differs from what is shown is told`(printed: String, shown: String) {
        #expect(flaws(printed, shown) != [])
    }

    @Test func `lines must be there in their order`() {
        #expect(flaws("x\r\na: 1\r\ny\r\nb: 2\r\n", "a: 1\nb: 2", "") == [])
        #expect(flaws("b: 2\na: 1\n", "a: 1\nb: 2", "") != [])
        #expect(flaws("a: 12\n", "a: 1", "") != [])
    }

    @Test func `an id stands for another, the same one everywhere`() {
        var output = ShownOutput()
        #expect(output.flaws(of: "id: \(Self.two)", shown: "id: \(Self.one)", language: "") == [])
        #expect(output.replacingIDs(in: "curl /decisions/\(Self.one)") == "curl /decisions/\(Self.two)")
        #expect(output.flaws(of: "id: \(Self.one)", shown: "id: \(Self.one)", language: "") != [])
        #expect(output.flaws(of: "id: none", shown: "id: \(Self.one)", language: "") != [])
    }

    @Test func `blocks are read with their language, and output stands right behind its command`() {
        let document = Document("a\n```sh\nls\n```\n```json\n{}\n```\nb\n```\nc\n```\n")
        #expect(document.blocks.map(\.language) == ["sh", "json", ""])
        #expect(document.blocks.map(\.text) == ["ls", "{}", "c"])
        #expect(document.blocks.map(\.isOutput) == [false, true, false])
    }
}
