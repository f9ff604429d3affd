public import Generation
import HTTPMessage
import JSON
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
        let request = call.request
        let response: UpstreamResponse
        do throws(UpstreamFailure) {
            response = try await client.exchange(upstreamRequest(for: call))
        } catch {
            throw OpenAIFailures.failure(error)
        }
        let head = response.head, upstreamID = head["x-request-id"].map(identity)
        guard (200...299).contains(head.status) else { throw await refusal(response, to: call) }
        let isEventStream = head["content-type"]?.lowercased().hasPrefix("text/event-stream") ?? false
        if isEventStream {
            let isWhole = !request.streams
            let stream = OpenAIStream(
                response.body, for: request, upstreamID: upstreamID, limit: RateLimitFields.notice(in: head),
                redactor: redactor,
                keepsText: call.keepsText && call.goingOn == nil,
                passesUsage: isWhole || request.wantsUsage, keepsChoices: call.keepsChoices,
                allowsEmpty: call.allowsEmpty)
            if isWhole { return .whole(try await assemble(stream, call)) }
            guard let goingOn = call.goingOn else { return .stream(stream) }
            return .stream(SplicedStream(stream, goingOn))
        }
        let body = try await collect(response.body)
        let received = response.body.bytesReceived
        let whole = try await LargeBody.read(body.readableBytes) { () throws(AttemptFailure) in
            try self.check(body, head, received, call, upstreamID: upstreamID)
        }
        if request.streams {
            let stream = await LargeBody.read(body.readableBytes) {
                CompletionAsStream(whole, wantsUsage: request.wantsUsage)
            }
            return .stream(call.goingOn.map { SplicedStream(stream, $0) } ?? stream)
        }
        return .whole(whole)
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
        guard stream.isAnswer || call.allowsEmpty || isCut(stream.facts.finishReason, byCallerOf: call) else {
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
        let model = ByteBuffer(string: JSONEscapes.quoted(call.model))
        return UpstreamRequest(
            origin: settings.origin, trust: settings.trust,
            head: heads[min(max(0, call.credential), heads.count - 1)],
            body: OpenAIRequestBody.parts(
                of: call.request, model: model, asksForUsage: settings.asksForUsage, goingOn: call.goingOn,
                asStream: call.asStream),
            limits: call.limits, maximumBody: settings.maximumAnswer,
            readerTellsProgress: call.request.streams || call.asStream,
            cancellation: call.cancellation, mayResend: call.mayResend)
    }

    private func collect(_ body: UpstreamBody) async throws(AttemptFailure) -> ByteBuffer {
        do throws(UpstreamFailure) { return try await body.collect() } catch {
            throw OpenAIFailures.failure(error)
        }
    }

    /// The failure that a response other than a success means.
    private func refusal(_ response: UpstreamResponse, to call: ProviderCall) async -> AttemptFailure {
        let head = response.head
        let body = await errorBody(response.body)
        let (error, text) = body.withUnsafeReadableBytes { bytes in
            (ErrorBody(bytes), String(decoding: bytes.prefix(2000), as: UTF8.self))
        }
        var failure = OpenAIFailures.failure(
            status: head.status, error: error, text: text, phase: .head,
            retryAfter: RetryAfter.inFields(of: head, wallClock: wallClock),
            bytesReceived: response.body.bytesReceived, redactor: redactor)
        // The caller did not ask for a stream: that this model has none is no fault of its request.
        if call.asStream, failure.kind == .invalidRequest, failure.speaksOfStreams {
            failure.cause = "stream_refused"
        }
        return failure
    }

    /// As much of an error body as is worth reading; a body that breaks off says what it said.
    private func errorBody(_ body: UpstreamBody) async -> ByteBuffer {
        var whole = ByteBuffer()
        while whole.readableBytes < Self.maximumErrorBody, var bytes = try? await body.next() {
            whole.writeBuffer(&bytes)
        }
        return whole
    }

    /// Checks that a body is a complete chat completion with an answer in it.
    private func check(
        _ body: ByteBuffer, _ head: ResponseHead, _ bytesReceived: Int, _ call: ProviderCall,
        upstreamID: String?
    ) throws(AttemptFailure) -> WholeReply {
        var whole = WholeReply(body: body, facts: ReplyFacts()), failure: AttemptFailure?
        body.withUnsafeReadableBytes { bytes in
            do throws(AttemptFailure) {
                (whole.facts, whole.choices) = try check(bytes, head, bytesReceived, call, upstreamID)
            } catch { failure = error }
        }
        if let failure { throw failure }
        return whole
    }

    private func check(
        _ bytes: UnsafeRawBufferPointer, _ head: ResponseHead, _ bytesReceived: Int, _ call: ProviderCall,
        _ upstreamID: String?
    ) throws(AttemptFailure) -> (ReplyFacts, [AnsweredChoice]?) {
        func failure(_ kind: FailureClass, _ cause: String, _ message: String) -> AttemptFailure {
            AttemptFailure(
                kind, cause: cause, phase: .body, status: head.status, message: message,
                bytesReceived: bytesReceived)
        }
        let scan: CompletionScan
        do throws(JSONFault) { scan = try CompletionScan(bytes, keepsChoices: call.keepsChoices) } catch {
            guard let first = bytes.first(where: { $0 > 0x20 }) else {
                throw failure(.qualityFailure, "empty", "the provider's answer is empty")
            }
            let isPage = first == 0x3C
            throw failure(
                .apiFailure, isPage ? "page" : "malformed",
                isPage
                    ? "the provider answered with a web page" : "the provider's answer \(error.kind.rawValue)"
            )
        }
        if let error = scan.error {
            throw OpenAIFailures.failure(
                status: head.status,
                error: ErrorBody.inner(UnsafeRawBufferPointer(rebasing: bytes[error])), text: "",
                phase: .body, retryAfter: RetryAfter.inFields(of: head, wallClock: wallClock),
                bytesReceived: bytesReceived, redactor: redactor)
        }
        let cursor = JSONCursor(bytes), reason = scan.finishReason.map { cursor.decode($0, most: 1000) }
        let mayBeEmpty = call.allowsEmpty || isCut(reason, byCallerOf: call)
        guard scan.choices <= GenerationRequest.mostChoices else {
            throw failure(.apiFailure, "malformed", "the provider's answer has too many choices")
        }
        guard scan.choices > 0, scan.answered > 0 || mayBeEmpty && scan.finished > 0 else {
            if reason == "content_filter" {
                throw failure(.contentPolicy, "refused", "the provider filtered the answer")
            }
            throw failure(.qualityFailure, "empty", "the provider's answer is empty")
        }
        guard scan.finished > 0 else {
            throw failure(.qualityFailure, "truncated", "the provider's answer has no end")
        }
        guard !scan.hasHalfToolCall else {
            throw failure(
                .apiFailure, "half_tool_call", "the provider's answer ends in half a tool call")
        }
        let facts = ReplyFacts(
            model: scan.model.map { redactor.cleaned(cursor.decode($0, most: 1000)) }, usage: scan.usage,
            finishReason: reason.map(redactor.cleaned),
            upstreamID: upstreamID, limit: RateLimitFields.notice(in: head))
        return (facts, scan.kept)
    }

    /// Whether the caller's own limit left room for nothing but thoughts.
    private func isCut(_ finishReason: String?, byCallerOf call: ProviderCall) -> Bool {
        finishReason == "length" && call.request.maximumTokens != nil
    }

    /// The provider's identity of a request, cut to a length that is kept.
    private func identity(_ text: String) -> String {
        String(redactor.cleaned(String(text.prefix(1000))).prefix(100))
    }
}

extension AttemptFailure {
    fileprivate var speaksOfStreams: Bool {
        field?.hasPrefix("stream") ?? message.lowercased().contains("stream")
    }
}
