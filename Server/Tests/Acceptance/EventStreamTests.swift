import Foundation
import Testing
import Wall

/// Streams in every form that the rules of server-sent events allow, split wherever a network may split them
/// (F41, F42), and with events that nobody can read (F40).
@Suite(.tags(.measuresTime)) struct EventStreams {
    /// The data of a short answer with letters of more than one byte.
    static let text = "Grün 🦊 fox."
    private static func chunk(_ delta: String, finish: String = "null") -> String {
        #"{"id":"c","choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(finish)}]}"#
    }
    static let data =
        ["Grün", " 🦊", " fox."].map { chunk(#"{"content":"\#($0)"}"#) }
        + [chunk("{}", finish: #""stop""#), "[DONE]"]

    private static let head = Array(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".utf8)

    private static func framed(_ body: String) -> [UInt8] {
        head + Array("\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n".utf8)
    }

    /// P is always asked for a stream.
    private static func pair(
        _ lines: [String] = [], routes: [String] = [], _ script: @escaping @Sendable (Wall.Call) -> [Wall.Act]
    ) async throws -> Pair {
        try await Pair(
            settings: {
                $0.wholeAnswers = "stream"
                $0.timeouts = "{ connect: 1s, head: 5s, first_token: 5s, idle: 5s, total: 20s }"
                $0.lines = BadAnswers.neverOpens + lines
                $0.routes = routes
            }, script)
    }

    // MARK: F41

    /// How lines end.
    enum LineEnd: String, CaseIterable, Sendable {
        case lf = "\n"
        case crLF = "\r\n"
        case cr = "\r"
    }

    private static func bytes(_ end: LineEnd) -> [UInt8] {
        framed(data.map { "data: \($0)\(end.rawValue)\(end.rawValue)" }.joined())
    }

    /// The response with a pause after as many bytes as the caller's `user` says; after each one if that is "all".
    private static func split(_ bytes: [UInt8], _ call: Wall.Call) -> [Wall.Act] {
        if call.user == "all" { return bytes.flatMap { [.send([$0]), .wait(.milliseconds(1))] } }
        let place = min(Int(call.user) ?? 0, bytes.count)
        return [.send(Array(bytes[..<place])), .wait(.milliseconds(25)), .send(Array(bytes[place...]))]
    }

    @Test(arguments: LineEnd.allCases)
    func `F41: wherever a stream is split the caller gets the same bytes`(end: LineEnd) async throws {
        let bytes = Self.bytes(end)
        let pair = try await Self.pair { Self.split(bytes, $0) }
        let places = (0..<bytes.count).map { "\($0)" } + ["all"]
        try requireFlawless(try await Self.flawsOfF41(pair, places))
        #expect(pair.callsToP.count == places.count + 1 && pair.callsToF.isEmpty)
        try requireFlawless(try await pair.aftermath())
    }

    static func flawsOfF41(_ pair: Pair, _ places: [String]) async throws -> [String] {
        let unsplit = try await pair.chat(stream: true, more: #","user":"0""#)
        let found = unsplit.readByTheRules.flaws(asAnswerOf: "p", text, within: .seconds(2)).of("not split")
        let body = unsplit.body
        return try await found
            + flawsOfEach(places, atATime: 24) { place in
                let reply = try await pair.chat(stream: true, more: #","user":"\#(place)""#)
                guard reply.body != body || !reply.isWellEnded else { return [] }
                return ["split at \(place): \(reply.body.debugDescription) is not \(body.debugDescription)"]
            }
    }

    @Test func `F41: wherever a stream is split it is put together to the same whole answer`() async throws {
        let bytes = Self.bytes(.crLF)
        let pair = try await Self.pair { Self.split(bytes, $0) }
        let places = (0..<bytes.count).map { "\($0)" } + ["all"]
        let flaws = try await flawsOfEach(places, atATime: 24) { place in
            try await pair.chat(more: #","user":"\#(place)""#)
                .flaws(asAnswerOf: "p", Self.text, within: .seconds(3)).of("split at \(place)")
        }
        try requireFlawless(flaws)
    }

    @Test func `F41: control: the check finds fault where a byte is lost at the split`() async throws {
        let bytes = Self.bytes(.lf), begin = Self.head.count + 5
        let pair = try await Self.pair { call in
            let place = Int(call.user) ?? 0
            guard place > 0 else { return [.send(bytes)] }
            var spoiled = bytes
            spoiled[place] = 0x20
            return [.send(spoiled)]
        }
        // Within the text of the first event.
        let places = (begin + 48..<begin + 52).map { "\($0)" }
        #expect(try await Self.flawsOfF41(pair, places).count == places.count)
    }

    // MARK: F42

    /// A form of the same stream.
    struct Form: Sendable {
        var name: String
        var body: String

        init(_ name: String, _ body: String) { (self.name, self.body) = (name, body) }

        init(_ name: String, _ event: (String) -> String) {
            self.init(name, EventStreams.data.map(event).joined())
        }
    }

    private static func twoLines(_ data: String, _ end: String) -> String {
        let parts = data.components(separatedBy: #","choices""#)
        guard parts.count == 2 else { return "data: \(data)\(end)\(end)" }
        return "data: \(parts[0]),\(end)data: \"choices\"\(parts[1])\(end)\(end)"
    }

    /// Ends of lines that change from line to line.
    private static let mixed: String = {
        let ends = ["\n", "\r\n", "\r"]
        return data.enumerated().map { number, data in
            "event: message\(ends[number % 3])data: \(data)\(ends[(number + 1) % 3])\(ends[number % 2])"
        }.joined()
    }()

    private static let forms =
        [
            Form("lf") { "data: \($0)\n\n" }, Form("crlf") { "data: \($0)\r\n\r\n" },
            Form("cr") { "data: \($0)\r\r" }, Form("mixed", mixed), Form("no-space") { "data:\($0)\n\n" },
            // A mark with a space before it is no mark.
            Form("two-spaces") { $0 == "[DONE]" ? "data: \($0)\n\n" : "data:  \($0)\n\n" },
            Form("two-lines") { twoLines($0, "\n") },
            Form("two-lines-crlf") { twoLines($0, "\r\n") }, Form("two-lines-cr") { twoLines($0, "\r") },
        ]
        + [
            Form("event") { "event: completion\ndata: \($0)\n\n" },
            Form("event-after") { "data: \($0)\nevent:x\n\n" },
            Form("id") { "id: 7\ndata: \($0)\n\n" }, Form("retry") { "retry: 3000\ndata: \($0)\n\n" },
            Form("all-fields") { "event: a\nid: 1\nretry: 10\ndata: \($0)\n\n" },
            Form("unknown-field") { "x-meta: 1\ndata: \($0)\nnothing\n\n" },
            Form("comments") { ": on\n\n:\n: more\ndata: \($0)\n\n" },
            Form("comment-inside") { "data: \($0)\n: on\n\n" },
            Form("without-data") { "event: ping\n\nid: 1\n\nretry: 5\n\ndata: \($0)\n\n" },
            Form("empty-lines") { "\n\n\ndata: \($0)\n\n\n\n" },
        ]
        + [
            Form("bom", "\u{FEFF}" + data.map { "data: \($0)\n\n" }.joined()),
            Form("bom-comment", "\u{FEFF}: hello\n\n" + data.map { "data: \($0)\n\n" }.joined()),
            Form("no-last-blank-line", data.map { "data: \($0)\n\n" }.joined().dropLast().description),
            Form("no-last-line-end", data.map { "data: \($0)\n\n" }.joined().dropLast(2).description),
            Form("no-mark", data.dropLast().map { "data: \($0)\n\n" }.joined()),
            Form("after-the-mark", data.map { "data: \($0)\n\n" }.joined() + ": bye\n\ndata: [DONE]\n\n"),
        ]

    @Test func `F42: a stream is read by the rules, whatever form it has`() async throws {
        try requireFlawless(try await Self.flawsOfF42(Self.forms))
    }

    static func flawsOfF42(_ forms: [Form]) async throws -> [String] {
        let variants = forms.map { form in Variant(form.name, "") { _ in [.send(framed(form.body))] } }
        let pair = try await pair(routes: variants.routes) { variants.acts(for: $0) }
        let found = try await variants.flaws { _, model, stream in
            var flaws = Flaws()
            let reply = try await pair.chat(model, stream: stream)
            flaws += reply.readByTheRules.flaws(asAnswerOf: "p", text, within: .seconds(1))
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            let why = try await pair.why(reply)
            flaws.expect(pair.countAtF(model) == 0, "F was asked: \(why)")
            return flaws
        }
        return try await found + pair.aftermath()
    }

    @Test func `F42: control: the check finds fault with what the rules do not allow`() async throws {
        let wrong = [
            Form("no-blank-lines") { "data: \($0)\n" }, Form("other-field") { "date: \($0)\n\n" },
            Form("space-before") { " data: \($0)\n\n" }, Form("capitals") { "DATA: \($0)\n\n" },
            Form("colon-twice") { "data:: \($0)\n\n" },
        ]
        let flaws = try await Self.flawsOfF42(wrong)
        for form in wrong {
            for kind in ["whole", "stream"] {
                let name = "\(form.name)-\(kind)"
                #expect(flaws.contains { $0.hasPrefix("\(name): the provider is f") }, "\(name)")
            }
        }
    }

    @Test func `F42: a finish reason in an event that has no end was never said`() async throws {
        let body = Self.data.dropLast(2).map { "data: \($0)\n\n" }.joined()
        let pair = try await Self.pair(["broken_streams: off"]) { _ in
            [
                .send(Self.head), Answer.chunk(body), .wait(.milliseconds(100)),
                Answer.chunk("data: \(Self.data[3])\n"), Answer.streamEnd,
            ]
        }
        try requireFlawless(
            try await pair.chat(stream: true).flaws(asBrokenStreamAfter: Self.text, within: .seconds(1)))
        try requireFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(1)))
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: ["two-lines", "mixed", "crlf", "no-space"])
    func `F42: a broken stream is gone on with by a provider of whatever form`(name: String) async throws {
        let form = try #require(Self.forms.first { $0.name == name })
        let pair = try await Pair(fallback: { _ in [.send(Self.framed(form.body))] }) { _ in
            [
                .send(Self.head), Answer.chunk("data: \(Self.data[0])\n\n"), .wait(.milliseconds(100)),
                .reset,
            ]
        }
        let reply = try await pair.chat(stream: true)
        try requireFlawless(reply.readByTheRules.flaws(asAnswerOf: "p", Self.text, within: .seconds(1)))
    }
}

/// A reader of server-sent events by the rules (WHATWG HTML, section 9.2), apart from the gateway's own.
enum EventReader {
    /// The data of each event. What has no empty line after it is no event.
    static func events(_ bytes: [UInt8]) -> [String] {
        var events: [String] = [], data: [String] = [], line: [UInt8] = [], afterCR = false
        for byte in bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...] {
            defer { afterCR = byte == 0x0D }
            if byte == 0x0A, afterCR { continue }
            guard byte == 0x0A || byte == 0x0D else {
                line.append(byte)
                continue
            }
            if line.isEmpty, !data.isEmpty {
                events.append(data.joined(separator: "\n"))
                data = []
            }
            if let value = value(line) { data.append(value) }
            line = []
        }
        return events
    }

    private static func value(_ line: [UInt8]) -> String? {
        let field = line.prefix { $0 != 0x3A }
        guard field.elementsEqual("data".utf8) else { return nil }
        var value = line.dropFirst(field.count + 1)
        if value.first == 0x20 { value = value.dropFirst() }
        return String(decoding: value, as: UTF8.self)
    }
}

extension Client.Reply {
    /// The same reply with each event on one line, as a reader by the rules has them.
    var readByTheRules: Client.Reply {
        guard isStream, isWellEnded else { return self }
        let events = EventReader.events(Array(body.utf8)).map { $0.replacingOccurrences(of: "\n", with: " ") }
        let plain = events.map { "data: \($0)\n\n" }.joined()
        var copy = self
        copy.raw = Array(
            "\(head)\r\n\r\n\(String(plain.utf8.count, radix: 16))\r\n\(plain)\r\n0\r\n\r\n".utf8)
        return copy
    }
}
