import Foundation
import Testing

@testable import JSON

@Suite struct JSONCursorTests {
    /// Whether the text is accepted as one value.
    private func fault(_ text: some Sequence<UInt8>) -> JSONFault? {
        Array(text).withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes)
            do throws(JSONFault) {
                try cursor.skipValue()
                try cursor.finish()
            } catch { return error }
            return nil
        }
    }

    @Test(arguments: [
        "{}", "[]", "null", "true", "false", "0", "-0", "-12.5e-3", "1E5", "\"\"",
        #""a\"b\\c\/\b\f\n\r\t\u00e9\ud83d\ude00""#,
        #"{"a":1,"b":[true,null,{"c":"d"}],"e":""}"#, " { \"a\" : [ 1 , 2 ] } \r\n\t", "[[[[[]]]]]", "\"é😀\"",
    ])
    func `valid texts are accepted`(text: String) {
        #expect(fault(text.utf8) == nil)
    }

    @Test(arguments: [
        ("", JSONFault.Kind.unexpectedEnd), ("{", .unexpectedEnd), (#"{"a""#, .unexpectedEnd),
        (#"{"a":}"#, .unexpectedByte),
        (#"{"a":1,}"#, .unexpectedByte), ("[1,]", .unexpectedByte), ("[1 2]", .unexpectedByte),
        ("[,1]", .unexpectedByte),
        ("{1:2}", .unexpectedByte), ("01", .trailingBytes), ("1.", .unexpectedEnd), (".5", .unexpectedByte),
        ("+1", .unexpectedByte),
        ("1e", .unexpectedEnd), ("1e400", .numberTooLarge), ("-1e400", .numberTooLarge),
        ("NaN", .unexpectedByte), ("nul", .unexpectedEnd),
        ("tru3", .unexpectedByte), ("'a'", .unexpectedByte), ("\"a", .unexpectedEnd),
        ("\"\u{1}\"", .controlCharacter), (#""\x""#, .badEscape),
        (#""\u12g4""#, .badEscape), (#""\ud800""#, .loneSurrogate), (#""\ud800\u0041""#, .loneSurrogate),
        (#""\udc00""#, .loneSurrogate),
        ("{} {}", .trailingBytes), ("\u{FEFF}{}", .unexpectedByte), ("[1}", .unexpectedByte),
    ])
    func `invalid texts are refused with the kind of fault`(text: String, kind: JSONFault.Kind) {
        #expect(fault(text.utf8)?.kind == kind)
    }

    @Test func `hostile texts cost no more than their length`() {
        #expect(fault(String(repeating: "[", count: 100_000).utf8)?.kind == .tooDeep)
        #expect(fault(String(repeating: #"{"a":"#, count: 100_000).utf8)?.kind == .tooDeep)
        #expect(fault(("[" + String(repeating: "1,", count: 200_000) + "1]").utf8)?.kind == .tooManyValues)
        #expect(fault(String(repeating: "9", count: 10_000_000).utf8)?.kind == .numberTooLong)
        #expect(fault([0x22, 0xC3, 0x28, 0x22])?.kind == .notUTF8)
        let nested = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(fault(nested.utf8) == nil)
    }

    @Test func `a text cut at any byte is refused`() {
        let text = Array(
            #"{"id":"x","choices":[{"index":0,"message":{"content":"a\u00e9\n"},"finish_reason":"stop"}],"n":-1.5e3}"#
                .utf8)
        for length in 0..<text.count { #expect(fault(text[..<length]) != nil, "cut at \(length)") }
    }

    @Test func `it judges seeded variations as Foundation does`() {
        var state: UInt64 = 7
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1
            return Int((state >> 33) % UInt64(bound))
        }
        let seed = Array(#"{"a":[1,-2.5,"x\n",true,null,{"b":"\u0041"}],"c":""}"#.utf8)
        let alphabet = Array(##"{}[],:"\u0aeE+-. truefalsn"##.utf8)
        var accepted = 0
        for _ in 0..<20_000 {
            var text = seed
            for _ in 0...random(2) {
                let index = random(text.count)
                if random(2) == 0 {
                    text[index] = alphabet[random(alphabet.count)]
                } else {
                    text.remove(at: index)
                }
            }
            let theirs =
                (try? JSONSerialization.jsonObject(with: Data(text), options: [.fragmentsAllowed])) != nil
            let ours = fault(text) == nil
            if ours { accepted += 1 }
            // Foundation is more lenient in places; it must never be stricter.
            if ours && !theirs { Issue.record("only ours accepts \(String(decoding: text, as: UTF8.self))") }
        }
        #expect(accepted > 1000)
    }

    private enum Known: String, JSONMember {
        case stream, model, n, id, choices, created
        case finishReason = "finish_reason"
        case maxTokens = "max_tokens"
        case frequencyPenalty = "frequency_penalty"
        case maxCompletionTokens = "max_completion_tokens"
        case twentyFour = "abcdefghijklmnopqrstuvwx"
    }

    @Test func `a key is known if and only if all of its bytes are those of a name`() {
        let keys = JSONKeys<Known>()
        for member in Known.allCases {
            let name = Array(member.rawValue.utf8)
            // At the end of the memory, and with others behind it.
            for behind in [0, 1, 7, 30] {
                func found(_ name: [UInt8]) -> Known? {
                    (name + Array(repeating: 0x22, count: behind)).withUnsafeBytes {
                        keys.name(of: $0, 0..<name.count)?.member
                    }
                }
                #expect(found(name) == member)
                for index in name.indices {
                    var other = name
                    other[index] ^= 0x20
                    #expect(found(other) == nil)
                    other.remove(at: index)
                    #expect(found(other) == Known(rawValue: String(decoding: other, as: UTF8.self)))
                }
                #expect(found(name + [0x61]) == nil)
            }
        }
        #expect(
            Set(
                Known.allCases.compactMap { member in
                    Array(member.rawValue.utf8).withUnsafeBytes { keys.name(of: $0, 0..<$0.count)?.bit }
                }
            ).count == Known.allCases.count)
    }

    @Test func `keys are told apart by their value, however they are spelled`() throws {
        let text = Array(#"{"model":1,"mod\u0065l":2,"models":3}"#.utf8)
        let keys = JSONKeys<Known>()
        let found = try text.withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes), found: [Known?] = []
            try cursor.enterObject()
            while let key = try cursor.nextKey(of: keys) {
                found.append(key.member)
                try cursor.skipValue()
            }
            return found
        }
        #expect(found == [.model, .model, nil])
    }

    @Test(arguments: [
        "plain", "a/b", "\u{7F}", "caf\u{E9} \u{2029}\u{2027}", "quote\"back\\slash", "line\nend\ttab\u{1}",
        "é😀\u{2028}", "",
    ])
    func `quoting a text and reading it back gives the text`(text: String) throws {
        let quoted = Array(JSONEscapes.quoted(text).utf8)
        let read = try quoted.withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes)
            return cursor.decode(try cursor.readString())
        }
        #expect(read == text)
    }

    @Test(arguments: [
        (#"{"messages":[{"role":"user"},{"content":@}]}"#, "messages[1].content"), (#"{"a":@}"#, "a"),
        (#"{"a":{"b":[1,@]}}"#, "a.b[1]"),
        (#"{"temperature":1e400}"#, "temperature"),
    ])
    func `the place of a fault is named as a reader would`(text: String, path: String) {
        let bytes = Array(text.utf8)
        let offset = bytes.firstIndex(of: 0x40) ?? bytes.firstIndex(of: 0x31) ?? 0
        #expect(bytes.withUnsafeBytes { JSONLocation.path(of: offset, in: $0) } == path)
    }
}
