import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A caller of the gateway that sees every byte.
enum Client {
    /// What came back.
    struct Reply: Sendable {
        /// Every byte in the order of arrival.
        var raw: [UInt8] = []
        /// When the first byte came and when the last, from the moment the request was sent.
        var firstByte: Duration?
        var elapsed: Duration = .zero
        /// Whether the peer closed the connection.
        var closed = false

        var text: String { String(decoding: raw, as: UTF8.self) }

        /// The status of the final response.
        var status: Int { head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0 }

        /// The head of the final response, interim ones left out.
        var head: String {
            var text = text[...]
            while text.hasPrefix("HTTP/1.1 1"), let end = text.range(of: "\r\n\r\n") {
                text = text[end.upperBound...]
            }
            return text.range(of: "\r\n\r\n").map { String(text[..<$0.lowerBound]) } ?? String(text)
        }

        /// The value of a field, by its lower-case name.
        func field(_ name: String) -> String? {
            for line in head.split(separator: "\r\n").dropFirst() {
                let pair = line.split(separator: ":", maxSplits: 1)
                guard pair.count == 2, pair[0].lowercased() == name else { continue }
                return pair[1].trimmingCharacters(in: .whitespaces)
            }
            return nil
        }

        /// The body, without the framing of chunks.
        var body: String {
            guard let start = text.range(of: head + "\r\n\r\n")?.upperBound else { return "" }
            let rest = Array(text[start...].utf8)
            let isChunked = field("transfer-encoding") == "chunked"
            return String(decoding: isChunked ? Self.joinChunks(rest).bytes : rest, as: UTF8.self)
        }

        /// The body as a JSON object; empty if it is none.
        var json: [String: Any] { Self.object(body) ?? [:] }

        /// Whether the response ended as HTTP says it must.
        var isWellEnded: Bool {
            guard let start = text.range(of: head + "\r\n\r\n")?.upperBound else { return false }
            let rest = Array(text[start...].utf8)
            if field("transfer-encoding") == "chunked" { return Self.joinChunks(rest).ended }
            return field("content-length").flatMap { Int($0) } == rest.count
        }

        private static func joinChunks(_ bytes: [UInt8]) -> (bytes: [UInt8], ended: Bool) {
            var result: [UInt8] = [], index = 0
            while let end = bytes[index...].firstIndex(of: 0x0A) {
                let line = String(decoding: bytes[index..<end], as: UTF8.self).trimmingCharacters(
                    in: .newlines)
                guard let size = Int(line, radix: 16) else { break }
                if size == 0 { return (result, true) }
                guard end + 1 + size + 2 <= bytes.count else {
                    result += bytes[(end + 1)...]
                    break
                }
                result += bytes[(end + 1)..<(end + 1 + size)]
                index = end + 1 + size + 2
            }
            return (result, false)
        }

        /// The data of the events of a stream, whose lines may end in any way that the format knows.
        var events: [String] {
            let text = body.replacingOccurrences(of: "\r\n", with: "\n")
            return text.replacingOccurrences(of: "\r", with: "\n").components(separatedBy: "\n\n").compactMap
            { event in
                event.split(separator: "\n").first { $0.hasPrefix("data:") }
                    .map { $0.dropFirst(5).trimmingCharacters(in: .whitespaces) }
            }
        }

        /// Whether the answer is streamed.
        var isStream: Bool { field("content-type")?.hasPrefix("text/event-stream") ?? false }

        /// The text that a reader of the answer has, streamed or not.
        var answer: String {
            if isStream {
                return events.compactMap { Self.choice($0)?["delta"] as? [String: Any] }
                    .compactMap { $0["content"] as? String }.joined()
            }
            return (Self.choice(body)?["message"] as? [String: Any])?["content"] as? String ?? ""
        }

        /// Whether the stream names a finish reason.
        var hasFinish: Bool { events.contains { Self.choice($0)?["finish_reason"] is String } }
        var hasDone: Bool { events.last == "[DONE]" }
        /// The events of a stream that say that it broke off.
        var errorEvents: [String] { events.filter { Self.error($0) != nil } }
        /// How often a stream says that it ends, well or badly.
        var ends: Int { events.count { $0 == "[DONE]" } + errorEvents.count }
        /// The code of an error, in the body or in an event.
        var errorCode: String? {
            ([body] + events.reversed()).lazy.compactMap { Self.error($0)?["code"] as? String }.first
        }
        var errorField: String? { Self.error(body)?["param"] as? String }
        /// What the caller is told about an error.
        var errorMessage: String? {
            ([body] + events.reversed()).lazy.compactMap { Self.error($0)?["message"] as? String }.first
        }

        private static func choice(_ text: String) -> [String: Any]? {
            (object(text)?["choices"] as? [[String: Any]])?.first
        }

        private static func error(_ text: String) -> [String: Any]? {
            object(text)?["error"] as? [String: Any]
        }

        private static func object(_ text: String) -> [String: Any]? {
            (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any]
        }
    }

    /// A chat request.
    static func chatBody(_ model: String = "chat", stream: Bool = false, more: String = "") -> String {
        #"{"model":"\#(model)","messages":[{"role":"user","content":"Hello"}]"#
            + (stream ? #","stream":true"# : "") + more + "}"
    }

    /// Sends a chat request and waits for the whole reply.
    static func chat(
        _ port: Int, model: String = "chat", stream: Bool = false, more: String = "",
        fields: [String] = [], limit: Duration = .seconds(20)
    ) async throws -> Reply {
        let body = chatBody(model, stream: stream, more: more)
        return try await post(port, "/v1/chat/completions", body, fields: fields, limit: limit)
    }

    /// Sends a chat request and does not wait; the caller may leave at any time.
    static func begin(_ port: Int, model: String = "chat", stream: Bool = false, more: String = "")
        async throws -> Line
    {
        let line = try await Line.open(port)
        try await line.send(request("/v1/chat/completions", chatBody(model, stream: stream, more: more), []))
        return line
    }

    static func post(
        _ port: Int, _ path: String, _ body: String, fields: [String] = [],
        limit: Duration = .seconds(20)
    ) async throws -> Reply {
        try await send(port, request(path, body, fields), limit: limit)
    }

    private static func request(_ path: String, _ body: String, _ fields: [String]) -> [UInt8] {
        let more = fields.map { $0 + "\r\n" }.joined()
        let head =
            "POST \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            + "content-length: \(body.utf8.count)\r\nconnection: close\r\n\(more)\r\n"
        return Array((head + body).utf8)
    }

    static func get(_ port: Int, _ path: String, fields: [String] = []) async throws -> Reply {
        let more = fields.map { $0 + "\r\n" }.joined()
        let head = "GET \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
        return try await send(port, Array((head + more + "\r\n").utf8))
    }

    /// Sends bytes and gathers what comes back until the peer closes or the limit passes.
    static func send(_ port: Int, _ bytes: [UInt8], limit: Duration = .seconds(20)) async throws -> Reply {
        let line = try await Line.open(port)
        try await line.send(bytes)
        let reply = await line.wait(limit) { $0.closed }
        await line.close()
        return reply
    }

    /// The decision about a request. It is written down when the request has ended, which its reader may know
    /// first.
    static func decision(_ port: Int, _ reply: Reply) async throws -> [String: Any] {
        let id = reply.field("x-holdfast-decision") ?? "none"
        let deadline = ContinuousClock.now + .seconds(1)
        while true {
            let answer = try await get(port, "/decisions/\(id)")
            if answer.status == 200 || ContinuousClock.now >= deadline { return answer.json }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// One connection to the gateway.
final class Line: Sendable {
    private let channel: any Channel
    private let collector: Collector

    /// Connects to the gateway.
    ///
    /// - Parameter address: The address to come from; nil for the usual one.
    static func open(_ port: Int, from address: String? = nil) async throws -> Line {
        let collector = Collector()
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        if let address { bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: address, port: 0)) }
        let channel =
            try await bootstrap
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(collector)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return Line(channel, collector)
    }

    private init(_ channel: any Channel, _ collector: Collector) {
        self.channel = channel
        self.collector = collector
    }

    func send(_ bytes: [UInt8]) async throws {
        collector.begin()
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// What has come so far.
    var reply: Client.Reply { collector.reply }

    /// Waits until `isEnough`, or the limit passes.
    @discardableResult
    func wait(_ limit: Duration, until isEnough: @escaping (Client.Reply) -> Bool) async -> Client.Reply {
        let deadline = ContinuousClock.now + limit
        var pause = Duration.milliseconds(2)
        while ContinuousClock.now < deadline, !isEnough(collector.reply) {
            try? await Task.sleep(for: pause)
            // Hundreds of callers wait at a time in some tests; the reply carries its own times.
            pause = min(pause * 1.2, .milliseconds(25))
        }
        return collector.reply
    }

    /// Closes the sending side only.
    func finish() async { try? await channel.close(mode: .output) }

    /// Closes the connection the usual way.
    func close() async { try? await channel.close() }

    /// Closes the connection hard.
    func reset() async {
        try? await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try? await channel.close()
    }

    /// Stops or resumes reading.
    func setReading(_ reads: Bool) async { try? await channel.setOption(.autoRead, value: reads).get() }

    private final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private struct State {
            var reply = Client.Reply()
            var begun = ContinuousClock.now
        }

        private let state = Mutex(State())

        var reply: Client.Reply { state.withLock { $0.reply } }

        func begin() {
            state.withLock { state in
                if state.reply.raw.isEmpty { state.begun = .now }
            }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            state.withLock { state in
                let elapsed = ContinuousClock.now - state.begun
                if state.reply.firstByte == nil { state.reply.firstByte = elapsed }
                state.reply.elapsed = elapsed
                state.reply.raw += bytes.readableBytesView
            }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed? = event as? ChannelEvent { ended() }
        }

        func channelInactive(context: ChannelHandlerContext) { ended() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private func ended() {
            state.withLock { state in
                state.reply.closed = true
                state.reply.elapsed = max(state.reply.elapsed, ContinuousClock.now - state.begun)
            }
        }
    }
}
