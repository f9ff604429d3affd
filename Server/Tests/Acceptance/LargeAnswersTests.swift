import Foundation
import Testing
import Wall

/// Answers that are more than they may be: twice the limit (F32), or compressed to far less than they are (F30).
@Suite(.tags(.measuresTime)) struct LargeAnswers {
    // MARK: F32

    /// The body is twice the limit of 1 MiB and comes in parts over about a second.
    private static let parts = 32, partSize = 64 * 1024, pause = Duration.milliseconds(35)
    private static let limit = "api_key: sk-wall-primary-key-0123456789, max_answer: 1MiB"

    enum Frame: String, CaseIterable, Sendable { case length, chunks, untilClosed }

    private static func paced(_ texts: [String], _ frame: Frame, type: String) -> [Wall.Act] {
        let fields =
            switch frame {
            case .length: "content-length: \(texts.reduce(0) { $0 + $1.utf8.count })\r\n"
            case .chunks: "transfer-encoding: chunked\r\n"
            case .untilClosed: ""
            }
        let parts = texts.flatMap { text in
            [frame == .chunks ? Answer.chunk(text) : .text(text), .wait(pause)]
        }
        let end = frame == .chunks ? [Answer.streamEnd] : frame == .untilClosed ? [Wall.Act.finish] : []
        return [.text("HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\n\(fields)\r\n")] + parts + end
    }

    private static func acts(_ call: Wall.Call, _ frame: Frame) -> [Wall.Act] {
        let filler = String(repeating: "x", count: partSize)
        guard call.streams else {
            let text = Answer.completion("SPLIT").components(separatedBy: "SPLIT")
            let texts = [text[0]] + Array(repeating: filler, count: parts) + [text[1]]
            return paced(texts, frame, type: "application/json")
        }
        let event = "data: \(Answer.delta(#"{"content":"\#(filler)"}"#))\n\n"
        let end = "data: \(Answer.delta("{}", finish: #""stop""#))\n\ndata: [DONE]\n\n"
        return paced(Array(repeating: event, count: parts) + [end], frame, type: "text/event-stream")
    }

    private static func pair(_ provider: String = limit, withFallback: Bool = true) async throws -> Pair {
        try await Pair(
            places: Stage.shared.places,
            settings: {
                $0.provider = provider
                $0.withFallback = withFallback
                $0.lines = ["broken_streams: off"] + BadAnswers.neverOpens
                $0.routes = Frame.allCases.map(\.rawValue)
            }
        ) { call in acts(call, Frame(rawValue: call.model) ?? .length) }
    }

    /// What is wrong with how the connection to P ended: long before P had sent everything.
    private static func flawsOfLeaving(_ pair: Pair, _ model: String, calls expected: Int = 1) async throws
        -> [String]
    {
        var flaws = Flaws()
        let calls = pair.callsToP.filter { $0.model == model }
        flaws.expect(calls.count == expected, "P was asked \(calls.count) times")
        guard let call = calls.last else { return flaws.texts }
        _ = try await eventually(.seconds(2)) { pair.primary.ledger.lines[call.connection].closedAt != nil }
        let line = pair.primary.ledger.lines[call.connection], took = line.closedAt.map { $0 - call.at }
        flaws.expect(line.closedByPeer, "the gateway did not close the connection")
        flaws.expect(took ?? .seconds(9) < pause * parts * 0.85, "P could send for \(took ?? .seconds(9))")
        return flaws.texts
    }

    static func flawsOfF32(_ pair: Pair, calls: Int = 1, whole check: (Client.Reply) -> [String]) async throws
        -> [String]
    {
        var flaws = Flaws()
        for frame in Frame.allCases {
            let reply = try await pair.chat(frame.rawValue)
            flaws += check(reply).of(frame.rawValue)
            flaws += try await Self.flawsOfLeaving(pair, frame.rawValue, calls: calls).of(frame.rawValue)
        }
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F32: an answer of twice the limit is left at the limit, and F answers`() async throws {
        let pair = try await Self.pair()
        try requireFlawless(
            try await Self.flawsOfF32(pair) { $0.flaws(asAnswerOfFWithin: .milliseconds(1500)) })
    }

    @Test func `F32: without another provider the caller is told that the answer could not be read`()
        async throws
    {
        let pair = try await Self.pair(withFallback: false)
        // Nobody else can answer, so P is asked once more.
        try requireFlawless(
            try await Self.flawsOfF32(pair, calls: 2) {
                $0.flaws(asRefusal: 502, "upstream_error", within: .seconds(2))
            })
    }

    @Test func `F32: control: with a limit above its size the check finds fault`() async throws {
        let pair = try await Self.pair("api_key: sk-wall-primary-key-0123456789, max_answer: 4MiB")
        let flaws = try await Self.flawsOfF32(pair) { $0.flaws(asAnswerOfFWithin: .milliseconds(1500)) }
        #expect(
            flaws.contains { $0.hasPrefix("chunks: the provider is p") }, "\(flaws.map { $0.prefix(90) })")
        #expect(flaws.contains { $0.hasPrefix("length: the gateway did not close") })
    }

    @Test(arguments: Frame.allCases)
    func `F32: a stream of twice the limit is broken off at the limit`(frame: Frame) async throws {
        let pair = try await Self.pair()
        let reply = try await pair.chat(frame.rawValue, stream: true)
        // It can be no less than all but the part at the limit.
        let count = reply.answer.utf8.count
        #expect(count > 13 * Self.partSize && count <= 16 * Self.partSize, "\(count) bytes were delivered")
        let text = String(repeating: "x", count: count)
        try requireFlawless(reply.flaws(asBrokenStreamAfter: text, within: .milliseconds(1500)))
        try requireFlawless(try await Self.flawsOfLeaving(pair, frame.rawValue))
        try requireFlawless(try await pair.aftermath())
    }

    // MARK: F30

    private static func coded(
        _ name: String, _ coding: String, body: @escaping @Sendable (Wall.Call) -> [UInt8]
    )
        -> Variant
    {
        Variant(name, "api_failure, compressed") { call in
            let type = call.streams ? "text/event-stream" : "application/json"
            return [Answer.response(200, body(call), type: type, fields: ["content-encoding: \(coding)"])]
        }
    }

    private static func good(_ call: Wall.Call) -> [UInt8] {
        Array((call.streams ? Framing.events : Answer.completion()).utf8)
    }

    private static let bomb: Variant = Variant("bomb", "api_failure, compressed") { call in
        let type = call.streams ? "text/event-stream" : "application/json"
        let head = "HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\ncontent-encoding: gzip\r\n"
        // 8 MB that would become 1.3 GB.
        return [
            .text(head + "content-length: 8192018\r\n\r\n"), .send(Gzip.zerosHead),
            .flood(Gzip.zeros, times: 500),
        ]
    }

    static let compressed = [
        coded("gzip", "gzip") { Gzip.stored(good($0)) },
        coded("gzip-in-capitals", "GZIP") { Gzip.stored(good($0)) },
        coded("x-gzip", "x-gzip") { Gzip.stored(good($0)) },
        coded("gzip-twice", "gzip, gzip") { Gzip.stored(Gzip.stored(good($0))) },
        coded("said-only", "gzip") { good($0) },
        coded("corrupt", "gzip") {
            Gzip.stored(good($0)).enumerated().map { $0 > 12 && $0 % 7 == 0 ? ~$1 : $1 }
        },
        coded("corrupt-head", "gzip") { [0, 0, 0] + Gzip.stored(good($0)).dropFirst(3) },
        coded("cut", "gzip") { Array(Gzip.stored(good($0)).dropLast(20)) },
        coded("brotli", "br") { good($0) }, coded("deflate", "deflate") { good($0) },
        coded("zstd", "zstd") { good($0) },
        bomb,
    ]

    /// Compressed without saying so: nothing that could be an answer.
    static let unsaid = Variant("unsaid", "") { call in
        let type = call.streams ? "text/event-stream" : "application/json"
        return [Answer.response(200, Gzip.zerosHead + Gzip.zeros, type: type)]
    }

    @Test func `F30: a compressed answer, which nobody asked for, is refused unread and F answers`()
        async throws
    {
        let pair = try await Pair(Self.compressed)
        _ = try await pair.chat("healthy")
        let before = pair.gateway.residentMegabytes
        try requireFlawless(try await Framing.flawsOfBadFrame(pair, Self.compressed))
        let growth = pair.gateway.residentMegabytes - before
        #expect(growth < 16, "it cost \(growth) MiB")
        let wishes = Set(pair.callsToP.map { $0.field("accept-encoding") ?? "none" })
        #expect(wishes == ["identity"])
    }

    @Test func `F30: control: the check finds fault with an answer that is not compressed`() async throws {
        let identity = [Self.coded("identity", "identity") { Self.good($0) }]
        let flaws = try await Framing.flawsOfBadFrame(Pair(identity), identity)
        #expect(flaws.contains { $0.hasPrefix("identity-whole: the provider is p") })
        #expect(flaws.contains { $0.hasPrefix("identity-stream: the provider is p") })
    }

    @Test(arguments: [false, true])
    func `F30: an answer that is compressed and does not say so is no answer`(stream: Bool) async throws {
        let pair = try await Pair([Self.unsaid])
        let reply = try await pair.chat(Self.unsaid.name + (stream ? "-stream" : "-whole"), stream: stream)
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .milliseconds(1500)))
        try requireFlawless(try await pair.aftermath())
    }
}

/// Compressed bytes, made by hand (RFC 1951, RFC 1952).
enum Gzip {
    private static let head: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]

    /// A proper member that holds `bytes` as they are, at most 65,535.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        let length = UInt16(truncatingIfNeeded: bytes.count)
        return head + [1] + little(length) + little(~length) + bytes + little(checksum(bytes))
            + little(UInt32(truncatingIfNeeded: bytes.count))
    }

    /// The beginning of a member of zeros: the block's head, then one literal zero.
    static let zerosHead: [UInt8] = head + packed([0, 1, 0] + [0, 0, 1, 1, 0, 0, 0, 0]).prefix(1) + [0x0C]

    /// 16 KB of the code for 258 times the byte before, over and over: 13 bits for 258 bytes.
    static let zeros: [UInt8] = packed((0..<10_082).flatMap { _ in [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0] })

    /// Bits, the first one lowest.
    private static func packed(_ bits: [UInt8]) -> [UInt8] {
        stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<min(start + 8, bits.count)].enumerated().reduce(0) { $0 | $1.element << $1.offset }
        }
    }

    private static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in
                value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1
            }
        }
    }
}
