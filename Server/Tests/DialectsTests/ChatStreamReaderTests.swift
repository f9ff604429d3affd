import Generation
import NIOCore
import Testing

@testable import Dialects

/// Streams are read alike wherever they are cut, and whether or not events are known by what they share with the last one.
@Suite struct ChatStreamReaderTests {
    /// What comes of reading a stream.
    private struct Outcome: Equatable {
        var passed: [UInt8] = []
        var events = 0
        var failure: AttemptFailure?
        var facts = ReplyFacts()
        var delivered: DeliveredText?
        var choices: [AnsweredChoice]?
        var isComplete = false
        var hasProgressed = false
    }

    private static func call(choices: Int = 1) -> ProviderCall {
        let request = GenerationRequest(
            id: RequestID(1, 2), model: "m", streams: true, wantsUsage: false, choices: choices,
            body: ByteBuffer(), marks: GenerationRequest.Marks(model: 0..<0, start: 0))
        var call = ProviderCall(request: request, model: "m", limits: PhaseLimits(), keepsText: true)
        call.keepsChoices = true
        return call
    }

    /// Reads a stream that comes in parts, as whoever owns a connection does.
    private func read(_ parts: [ArraySlice<UInt8>], knowsShapes: Bool = true, choices: Int = 1) -> Outcome {
        var reader = ChatStreamReader(Self.call(choices: choices), ReplyFacts(), redactor: Redactor([]))
        var outcome = Outcome(), buffer: [UInt8] = []
        reader.knowsShapes = knowsShapes
        for part in parts where outcome.failure == nil && !reader.isEnded {
            buffer += part
            var run = ChatStreamReader.Run()
            let consumed = buffer.withUnsafeBytes { bytes in
                defer { for part in run.others + [run.last] { outcome.passed += bytes[part] } }
                do throws(AttemptFailure) { return try reader.read(bytes, &run) } catch {
                    outcome.failure = error
                    return bytes.count
                }
            }
            outcome.events += run.events
            outcome.hasProgressed = outcome.hasProgressed || reader.hasProgressed
            buffer.removeFirst(consumed)
        }
        if outcome.failure == nil, !reader.isEnded {
            do throws(AttemptFailure) { try reader.end() } catch { outcome.failure = error }
        }
        (outcome.facts, outcome.delivered, outcome.choices) = (reader.facts, reader.delivered, reader.choices)
        outcome.isComplete = reader.isComplete
        return outcome
    }

    private func read(_ text: [UInt8], knowsShapes: Bool = true) -> Outcome {
        read([text[...]], knowsShapes: knowsShapes)
    }

    private static func chunk(
        _ delta: String, finish: String = "null", more: String = "", end: String = "\n\n"
    )
        -> String
    {
        #"data: {"id":"c","created":1,"choices":[{"index":0,"#
            + #""delta":{\#(delta)},"finish_reason":\#(finish)}]\#(more)}"# + end
    }

    /// A stream as it is usual, with texts that hold whatever a text can hold.
    private static let usual: [String] = {
        let texts = [
            "Hel", "lo", " w\\u00f6rld", "é中😀", "\\\"a\\n", "", "0123456789abcdef0123",
        ]
        return [chunk(#""role":"assistant","content":"""#)] + texts.map { chunk(#""content":"\#($0)""#) }
            + [chunk("", finish: #""stop""#), "data: [DONE]\n\n"]
    }()

    /// Ends of lines that a stream may have.
    private static let lineEnds = ["\n", "\r\n", "\r"]

    @Test(arguments: lineEnds)
    func `a stream cut anywhere is read as the whole is`(end: String) {
        let text = Array(Self.usual.joined().replacing("\n", with: end).utf8), whole = read(text)
        #expect(whole.failure == nil && whole.isComplete)
        #expect(whole.delivered?.canGoOn == false)
        #expect(whole.choices?.first?.text == "Hello wörldé中😀\"a\n0123456789abcdef0123")
        #expect(whole.events == Self.usual.count - 1)
        for cut in text.indices {
            var parts = read([text[..<cut], text[cut...]])
            // Whether the LF of a CR LF goes with an event or the next is of no meaning.
            #expect(parts.passed == whole.passed, "cut at \(cut)")
            (parts.passed, parts.events) = (whole.passed, whole.events)
            #expect(parts == whole, "cut at \(cut)")
        }
        var bytes = read(text.indices.map { text[$0...$0] })
        bytes.events = whole.events
        #expect(bytes == whole)
    }

    /// Events that follow one which brought text.
    private static let followers: [String] = [
        chunk(#""content":"b""#), chunk(#""content":"b""#, end: "\r\n\r\n"),
        chunk(#""content":"b""#, end: "\r\r"),
        chunk(#""content":"""#), chunk(#""content":null"#), chunk(#""content":"b"]"#),
        chunk(#""content":"b"#),
        chunk(#""content":"\x""#), chunk(#""content":"\ud800""#), chunk("\"content\":\"\u{1}\""),
        chunk("\"content\":\"a\nb\""), chunk(#""content":"b","content":"c""#),
        chunk(#""content":"b","tool_calls":[{"index":0,"function":{"name":"f","arguments":"{"}}]"#),
        chunk(#""content":"b","refusal":"no""#), chunk(#""content":"b""#, finish: #""length""#),
        chunk(#""content":"b""#, more: #","usage":{"prompt_tokens":1,"completion_tokens":2}"#),
        chunk(#""content":"b""#, more: #","obfuscation":"x""#),
        chunk(#""content":"b""#, more: #","obfuscation":5"#),
        chunk(#""content":"b""#, more: #","error":{"message":"m"}"#), chunk(#""reasoning":"b""#),
        #"data: {"choices":[{"index":1,"delta":{"content":"b"}}]}"# + "\n\n",
        ": comment\n\n", "event: x\n" + chunk(#""content":"b""#), "data: [DONE]\n\n", "data: {\n\n", "\n",
        chunk(#""content":"b""#).replacing(#""created":1"#, with: #""created":2"#),
        String(chunk(#""content":"b""#).dropLast()),
    ]

    @Test(arguments: followers)
    func `whatever follows a text, it is read as without any knowledge of what came before`(event: String) {
        for first in [
            Self.chunk(#""content":"a""#), Self.chunk(#""content":"a""#, more: #","obfuscation":"pad""#),
            Self.chunk(#""content":"a""#, more: #","usage":null"#),
            Self.chunk(#""content":"a""#, end: "\r\n\r\n"), Self.chunk(#""content":"a""#, end: "\r\r"),
        ] {
            for last in [Self.chunk(#""content":"z""#), Self.chunk("", finish: #""stop""#)] {
                let parts = [first, event, event, first, last].map { Array($0.utf8)[...] }
                let whole = [Array(parts.joined())[...]]
                #expect(read(whole) == read(whole, knowsShapes: false), "\(first)\(last)")
                #expect(read(parts) == read(parts, knowsShapes: false), "\(first)\(last)")
                #expect(
                    read(parts, choices: 2) == read(parts, knowsShapes: false, choices: 2), "\(first)\(last)")
            }
        }
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `streams that are changed by chance are read as without shapes`(seed: UInt64) {
        var state = seed
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let pieces = Self.usual + Self.followers
        var answered = 0
        for _ in 0..<600 {
            var text = Array(
                (0..<2 + random(6)).map { _ in
                    // Mostly the same, so that events are known by the last one.
                    random(4) == 0
                        ? pieces[random(pieces.count)]
                        : Self.chunk(#""content":"\#("ab\\n é".prefix(1 + random(6)))""#)
                }.joined().utf8)
            for _ in 0..<random(3) where !text.isEmpty {
                let index = random(text.count)
                switch random(3) {
                case 0: text[index] = UInt8(truncatingIfNeeded: random(256))
                case 1: text.remove(at: index)
                default: text.insert(Array(#"",:{}[]\n"#.utf8)[random(9)], at: index)
                }
            }
            let cut = random(text.count + 1), parts = [text[..<cut], text[cut...]]
            let known = read(parts)
            if known.choices?.isEmpty == false { answered += 1 }
            #expect(known == read(parts, knowsShapes: false), "\(String(decoding: text, as: UTF8.self))")
        }
        #expect(answered > 300)
    }

    @Test func `an LF that belongs to the CR before it makes no shape`() {
        let event = Self.chunk(#""content":"a""#, end: "\r\n\r")
        let texts = [event, "\n" + event, "\n" + event, "\n" + Self.chunk("", finish: #""stop""#)]
        let parts = texts.map { Array($0.utf8)[...] }
        #expect(read(parts) == read(parts, knowsShapes: false))
        // Here what comes next begins with an LF of its own, which belongs to no CR.
        let ends = [
            Self.chunk(#""content":"a""#, end: "\r\n\r"),
            "\n" + Self.chunk(#""content":"a""#, end: "\r\n\r\n"),
        ]
        let more =
            (ends + [
                "\n" + Self.chunk(#""content":"b""#, end: "\r\n\r\n"),
                "\n" + Self.chunk("", finish: #""stop""#),
            ]).map {
                Array($0.utf8)[...]
            }
        #expect(read(more) == read(more, knowsShapes: false))
    }

    @Test func `an event like the last one is known, with any text and any padding`() throws {
        for more in ["", #","obfuscation":"@""#] {
            let events = ["a", "bcd", "\\n", "é", "0123456789abcdefghijklmnop"].map {
                Self.chunk(#""content":"\#($0)""#, more: more.replacing("@", with: String($0.prefix(1))))
            }
            let bytes = Array(
                events.joined().replacing("\"obfuscation\":\"\\\"", with: "\"obfuscation\":\"\"").utf8)
            var shape = ChunkShape(), scanner = EventStreamScanner(), seen = ChunkScan.Choices()
            try bytes.withUnsafeBytes { bytes in
                let event = try #require(try scanner.next(in: bytes, from: 0)), data = event.data[0]
                let scan = try ChunkScan(UnsafeRawBufferPointer(rebasing: bytes[data]), choices: &seen)
                shape.keep(event.range, data: data, scan, in: bytes)
                var offset = event.range.upperBound, known = 0
                while let match = shape.match(bytes, at: offset) {
                    offset = match.end
                    known += 1
                }
                #expect(known == 4 && offset == bytes.count)
            }
        }
    }
}
