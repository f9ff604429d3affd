import Dialects
public import Generation
import HTTPMessage
import NIOCore
public import Upstream

/// A provider that speaks the OpenAI API: OpenAI itself and the many servers that follow it.
public final class OpenAIProvider: Provider {
    /// What a provider is made from.
    public struct Settings: Sendable {
        /// The name that the configuration gives it.
        public var name: String
        /// Where it is.
        public var origin: Origin
        /// The path before `/chat/completions`, without a slash at its end.
        public var basePath: String
        /// Whom to trust; needed for secure origins.
        public var trust: Trust?
        /// Its keys, in order of preference; none if it needs none.
        public var keys: [Secret]
        /// Fields to send with each request besides our own.
        public var fields: [(name: String, value: String)]
        /// Whether to ask for usage at the end of streams. Some servers do not know the wish.
        public var asksForUsage: Bool
        /// The largest answer, in bytes. Default: 32 MiB.
        public var maximumAnswer: Int

        /// Creates settings.
        public init(
            name: String, origin: Origin, basePath: String, trust: Trust? = nil, keys: [Secret] = [],
            fields: [(name: String, value: String)] = [], asksForUsage: Bool = true,
            maximumAnswer: Int = 32 << 20
        ) {
            self.name = name
            self.origin = origin
            self.basePath = basePath
            self.trust = trust
            self.keys = keys
            self.fields = fields
            self.asksForUsage = asksForUsage
            self.maximumAnswer = maximumAnswer
        }
    }

    /// Thrown when a setting holds characters that cannot be sent in a request's head.
    public struct UnusableSetting: Error {
        /// The setting.
        public var name: String
    }

    /// The longest error body that is read.
    private static let maximumErrorBody = 64 * 1024

    /// The provider's name in the configuration.
    public let name: String
    /// Its keys.
    public let credentials: [Credential]
    private let settings: Settings
    private let heads: [PreparedHead]
    private let redactor: Redactor
    private let client: UpstreamClient
    private let wallClock: @Sendable () -> Int64

    /// Creates a provider.
    ///
    /// - Parameters:
    ///   - identify: Makes a digest of a key, by which state about it is found again.
    ///   - wallClock: The present time in seconds since 1970.
    /// - Throws: ``UnusableSetting`` when a path, key or field holds what a request's head cannot.
    public init(
        _ settings: Settings, client: UpstreamClient, identify: (Secret) -> String,
        wallClock: @escaping @Sendable () -> Int64
    ) throws(UnusableSetting) {
        self.settings = settings
        self.client = client
        self.wallClock = wallClock
        name = settings.name
        redactor = Redactor(settings.keys)
        let keys: [Secret?] = settings.keys.isEmpty ? [nil] : settings.keys
        credentials = keys.enumerated().map { index, key in
            Credential(
                index: index,
                label: key.map { "key \(index + 1)\($0.hint.isEmpty ? "" : " (\($0.hint))")" } ?? "no key",
                identity: key.map(identify) ?? "")
        }
        var heads: [PreparedHead] = []
        for key in keys {
            let authorization =
                key.map { key in key.reveal { [(name: "authorization", value: "Bearer \($0)")] } } ?? []
            let fields = [
                (name: "content-type", value: "application/json"),
                (name: "accept-encoding", value: "identity"),
                (name: "user-agent", value: "holdfast"),
            ]
            guard
                let head = PreparedHead(
                    method: "POST", path: settings.basePath + "/chat/completions", origin: settings.origin,
                    fields: fields + authorization + settings.fields)
            else {
                throw UnusableSetting(
                    name: PreparedHead(
                        method: "POST", path: settings.basePath + "/", origin: settings.origin,
                        fields: []) == nil ? "base_url" : "api_key or headers")
            }
            heads.append(head)
        }
        self.heads = heads
    }

    /// Asks the provider once.
    public func attempt(_ call: ProviderCall) async throws(AttemptFailure) -> Reply {
        let response: UpstreamResponse
        do throws(UpstreamFailure) {
            response = try await client.exchange(upstreamRequest(for: call))
        } catch {
            throw AttemptFailure(error)
        }
        let head = response.head
        guard (200...299).contains(head.status) else { throw await refusal(response, to: call) }
        let facts = ReplyFacts(
            upstreamID: head["x-request-id"].map(identity), limit: RateLimitFields.notice(in: head))
        let isEventStream = head.fields.value(of: "content-type", hasPrefix: "text/event-stream")
        if isEventStream {
            let stream = OpenAIStream(response.body, ChatStreamReader(call, facts, redactor: redactor))
            if !call.request.streams { return .whole(try await assemble(stream, call)) }
            guard let goingOn = call.goingOn else { return .stream(stream) }
            return .stream(SplicedStream(stream, goingOn))
        }
        let whole = try await collected(response, call, facts)
        guard call.request.streams else { return .whole(whole) }
        let stream = await LargeBody.read(whole.body.readableBytes) {
            CompletionAsStream(whole, wantsUsage: call.request.wantsUsage)
        }
        return .stream(call.goingOn.map { SplicedStream(stream, $0) } ?? stream)
    }

    /// Waits for the end of an answer that comes as a whole, and reads it.
    private func collected(
        _ response: UpstreamResponse, _ call: ProviderCall, _ facts: ReplyFacts
    ) async throws(AttemptFailure) -> WholeReply {
        let body: ByteBuffer
        do throws(UpstreamFailure) { body = try await response.body.collect() } catch {
            throw AttemptFailure(error)
        }
        let reader = CompletionReader(
            call, status: response.head.status, bytesReceived: response.body.bytesReceived,
            redactor: redactor)
        return try await LargeBody.read(body.readableBytes) { () throws(AttemptFailure) in
            try reader.read(body, facts) {
                RetryAfter.inFields(of: response.head, wallClock: self.wallClock)
            }
        }
    }

    /// Waits for the end of a stream whose caller wants the answer as a whole.
    private func assemble(_ stream: OpenAIStream, _ call: ProviderCall) async throws(AttemptFailure)
        -> WholeReply
    {
        defer { stream.cancel() }
        var assembler = CompletionAssembler(), bytes = 0
        while let piece = try await stream.next() {
            bytes += piece.bytes.readableBytes
            guard bytes <= settings.maximumAnswer else { throw unusable("body_too_large", "is too long") }
            if piece.isProgress { try call.onEvents?(piece.events) }
            assembler.add(piece)
        }
        // A stream may lose an event and go on; a whole answer with a hole in it is none.
        guard stream.unreadable == 0 else { throw unusable("unreadable", "has unreadable events") }
        guard stream.isAnswer || call.allowsEmpty || call.isCut(by: stream.facts.finishReason) else {
            throw stream.empty()
        }
        let assembled = await LargeBody.read(bytes) { [assembler] in assembler.whole }
        var whole = WholeReply(body: assembled, facts: stream.facts)
        whole.choices = stream.choices
        return whole
    }

    private func unusable(_ cause: String, _ words: String) -> AttemptFailure {
        AttemptFailure(
            .apiFailure, cause: cause, phase: .body, status: 200, message: "the provider's answer \(words)")
    }

    private func upstreamRequest(for call: ProviderCall) -> UpstreamRequest {
        let model = call.quotedModel ?? OpenAIRequestBody.quoted(call.model)
        return UpstreamRequest(
            origin: settings.origin, trust: settings.trust,
            head: heads[min(max(0, call.credential), heads.count - 1)],
            body: OpenAIRequestBody.parts(
                of: call.request, quotedModel: model, asksForUsage: settings.asksForUsage,
                goingOn: call.goingOn,
                asStream: call.asStream),
            limits: call.limits, maximumBody: settings.maximumAnswer,
            readerTellsProgress: call.request.streams || call.asStream,
            cancellation: call.cancellation, mayResend: call.mayResend)
    }

    /// The failure that a response other than a success means.
    private func refusal(_ response: UpstreamResponse, to call: ProviderCall) async -> AttemptFailure {
        let body = await errorBody(response.body)
        return OpenAIFailures.refusal(
            of: call, status: response.head.status, body: body,
            retryAfter: RetryAfter.inFields(of: response.head, wallClock: wallClock),
            bytesReceived: response.body.bytesReceived, redactor: redactor)
    }

    /// As much of an error body as is worth reading; a body that breaks off says what it said.
    private func errorBody(_ body: UpstreamBody) async -> ByteBuffer {
        var whole = ByteBuffer()
        while whole.readableBytes < Self.maximumErrorBody, var bytes = try? await body.next() {
            whole.writeBuffer(&bytes)
        }
        return whole
    }

    /// The provider's identity of a request, cut to a length that is kept.
    private func identity(_ text: String) -> String {
        String(redactor.cleaned(String(text.prefix(1000))).prefix(100))
    }
}
