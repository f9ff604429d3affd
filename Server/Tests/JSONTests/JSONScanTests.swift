import Bytes
import Foundation
import Testing

@testable import JSON

/// Strings are read by words and blocks, in one pass; a plain reader by bytes says what must come of it.
@Suite struct JSONScanTests {
    private struct Random {
        var state: UInt64

        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
    }

    private enum Outcome: Equatable {
        case string(Range<Int>, isEscaped: Bool)
        case fault(JSONFault)
    }

    private func read(_ bytes: ArraySlice<UInt8>) -> Outcome {
        bytes.withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes)
            do throws(JSONFault) {
                let string = try cursor.readString()
                return .string(string.range, isEscaped: string.isEscaped)
            } catch { return .fault(error) }
        }
    }

    /// Reads a string byte by byte.
    private func readPlainly(_ bytes: [UInt8]) -> Outcome {
        var index = 1, isEscaped = false
        func unit(_ start: Int) -> UInt16? {
            guard start + 4 <= bytes.count else { return nil }
            let text = String(decoding: bytes[start..<start + 4], as: UTF8.self)
            return text.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
                ? UInt16(text, radix: 16) : nil
        }
        func escapeFault(_ start: Int) -> JSONFault {
            // What is missing at the end is told as the end, unless something wrong comes before.
            let digits = bytes[min(start, bytes.count)...].prefix(4)
            let isCut = digits.count < 4 && digits.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
            return isCut ? JSONFault(.unexpectedEnd, at: bytes.count) : JSONFault(.badEscape, at: index)
        }
        while index < bytes.count {
            switch bytes[index] {
            case 0x22: return .string(1..<index, isEscaped: isEscaped)
            case ..<0x20: return .fault(JSONFault(.controlCharacter, at: index))
            case 0x5C:
                isEscaped = true
                guard index + 1 < bytes.count else {
                    return .fault(JSONFault(.unexpectedEnd, at: bytes.count))
                }
                guard bytes[index + 1] == 0x75 else {
                    guard Array(#""\/bfnrt"#.utf8).contains(bytes[index + 1]) else {
                        return .fault(JSONFault(.badEscape, at: index))
                    }
                    index += 2
                    continue
                }
                guard let high = unit(index + 2) else { return .fault(escapeFault(index + 2)) }
                guard (0xD800...0xDFFF).contains(high) else {
                    index += 6
                    continue
                }
                guard high < 0xDC00, bytes.dropFirst(index + 6).starts(with: [0x5C, 0x75]) else {
                    return .fault(JSONFault(.loneSurrogate, at: index))
                }
                guard let low = unit(index + 8) else { return .fault(escapeFault(index + 8)) }
                guard (0xDC00...0xDFFF).contains(low) else {
                    return .fault(JSONFault(.loneSurrogate, at: index))
                }
                index += 12
            default: index += 1
            }
        }
        return .fault(JSONFault(.unexpectedEnd, at: bytes.count))
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `any string is read as a plain reader reads it, wherever it stands`(seed: UInt64) {
        let pieces = [
            "a", "abcdefgh", "0123456789abcdef0123", "é", "中", "😀", #"\n"#, #"\""#, #"\\"#, #"\u0041"#,
            #"\u00e9"#,
            #"\ud83d\ude00"#, " ", "{[,:]}",
        ]
        let faults = [
            #"\x"#, #"\u12g4"#, #"\ud800"#, #"\udc00"#, #"\ud800\u0041"#, "\u{1}", "\u{1F}", "\"", #"\u00"#,
        ]
        var random = Random(state: seed), kinds: Set<Int> = []
        for _ in 0..<20_000 {
            var text = "\""
            for _ in 0..<random.next(12) { text += pieces[random.next(pieces.count)] }
            if random.next(3) == 0 { text += faults[random.next(faults.count)] }
            for _ in 0..<random.next(4) { text += pieces[random.next(pieces.count)] }
            if random.next(8) > 0 { text += "\"" }
            let before = random.next(20), bytes = Array(text.utf8)
            // Behind other bytes, so that words and blocks begin anywhere, and cut at the text's end.
            let memory = Array(repeating: 0x22, count: before) + bytes
            let ours = read(memory[before...]), plain = readPlainly(bytes)
            #expect(ours == plain, "\(text)")
            if case .string(_, let isEscaped) = ours {
                kinds.insert(isEscaped ? 1 : 0)
            } else {
                kinds.insert(2)
            }
        }
        #expect(kinds.count == 3)
    }

    @Test func `plain text ends at quotes, backslashes, control characters and whatever is not ASCII`() {
        for end in 0..<70 {
            for byte in UInt8.min...UInt8.max where end < 8 || byte % 7 == 0 || (0x20...0x22).contains(byte) {
                var text = [UInt8](repeating: 0x20, count: 70)
                for index in text.indices { text[index] = [0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F][index % 6] }
                text[end] = byte
                let isEnd = byte < 0x20 || byte == 0x22 || byte == 0x5C || byte >= 0x80
                text.withUnsafeBytes { bytes in
                    let expected = isEnd ? end : 70
                    #expect(bytes.firstOffsetByWords(of: PlainTextEnds.self, from: 0) == expected)
                    #expect(bytes.firstOffsetByBlocks(of: PlainTextEnds.self, from: 0) == expected)
                }
            }
        }
    }

    @Test func `escapes mean what they mean to Foundation`() throws {
        let pieces = [
            "plain", #"\n"#, #"\t"#, #"\b"#, #"\f"#, #"\r"#, #"\""#, #"\\"#, #"\/"#, #"\u0041"#, #"\u00e9"#,
            #"\u4e2d"#,
            #"\ud83d\ude00"#, "é", "中", "😀", #"\u0000"#, "0123456789abcdef",
        ]
        var random = Random(state: 4)
        for _ in 0..<5000 {
            let text =
                "\"" + (0..<random.next(10)).map { _ in pieces[random.next(pieces.count)] }.joined() + "\""
            let theirs = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
            let ours = try Array(text.utf8).withUnsafeBytes { bytes in
                var cursor = JSONCursor(bytes)
                return cursor.decode(try cursor.readString())
            }
            #expect(ours.utf8.elementsEqual((theirs as? String ?? "").utf8), "\(text)")
        }
    }

    @Test func `the beginning of a string is what its first bytes stand for`() throws {
        let text = Array(#""ab\u0041\ud83d\ude00c""#.utf8)
        try text.withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes)
            let string = try cursor.readString()
            #expect(cursor.decode(string, most: 2) == "ab")
            #expect(cursor.decode(string, most: 8) == "abA")
            #expect(cursor.decode(string, most: 100) == "abA😀c")
            // A cut may go through an escape or a character.
            for most in 0...text.count { #expect(cursor.decode(string, most: most).utf8.count <= text.count) }
        }
    }

    // MARK: Time

    /// The time that the processor has spent on this thread.
    private func processorTime() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// The shortest of three times to read a text of that many units, and to find the place of a fault at its end.
    private func time(_ start: String, _ unit: String, _ count: Int, _ end: String) -> Duration {
        let text = Array((start + String(repeating: unit, count: count) + end).utf8)
        let times = (0..<3).map { _ in
            let before = processorTime()
            text.withUnsafeBytes { bytes in
                var cursor = JSONCursor(bytes)
                do throws(JSONFault) { try cursor.skipValue() } catch {
                    _ = JSONLocation.path(of: error.offset, in: bytes)
                }
            }
            return processorTime() - before
        }
        return times.min() ?? .zero
    }

    // Instructions are counted by `make linear`; this is coarse, so that a busy machine does not matter: sixteen times the
    // length may take sixty times as long, while each of these took two hundred times as long once.
    @Test(arguments: [
        ("\"", #"\u0041"#, "\""), ("\"", #"\n"#, "\""), ("[\"", #"\""#, "\u{1}"),
        ("\"", #"the next one was asked\n"#, "\""),
    ])
    func `sixteen times as many escapes take sixteen times as long`(start: String, unit: String, end: String)
    {
        let short = time(start, unit, 4000, end), long = time(start, unit, 64_000, end)
        #expect(long < short * 60, "\(short), then \(long)")
    }

    @Test(arguments: [
        (#"{"a":["{\"b\":[1,2,\"c\"@"]}"#, "a[0]"), (#"{"a":"x,y:{[@"}"#, "a"),
        (#"{"a":1,"b\"c":[0,{"d":@}]}"#, #"b\"c[1].d"#),
        (#"{"a"   :   1  ,  "b"  : @}"#, "b"), (#"[[],{"a":{}},@]"#, "[2]"),
    ])
    func `what stands inside a string does not lead a fault's place astray`(text: String, path: String) throws
    {
        let bytes = Array(text.utf8), offset = try #require(bytes.firstIndex(of: 0x40))
        #expect(bytes.withUnsafeBytes { JSONLocation.path(of: offset, in: $0) } == path)
    }
}
