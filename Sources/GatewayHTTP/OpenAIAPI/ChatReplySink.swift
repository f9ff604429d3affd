import Gateway
import Generation
import NIOCore

/// Gives a gateway's answer to a caller of the OpenAI surface.
final class ChatReplySink: ReplySink {
    private static let done = ByteBuffer(string: "data: [DONE]\n\n")

    private let reply: any ReplyWriter

    init(_ reply: any ReplyWriter) {
        self.reply = reply
    }

    func deliver(_ whole: WholeReply, _ summary: DecisionSummary) async throws(CallerLeft) {
        var head = ReplyHead(200)
        head.add("content-type", "application/json")
        head.add(summary)
        try await reply.send(head, whole.body)
    }

    func begin(_ summary: DecisionSummary) async throws(CallerLeft) {
        var head = ReplyHead(200)
        head.add("content-type", "text/event-stream; charset=utf-8")
        head.add("cache-control", "no-cache")
        head.add("x-accel-buffering", "no")
        head.add(summary)
        try await reply.begin(head)
    }

    func deliver(_ piece: ReplyPiece) async throws(CallerLeft) {
        try await reply.write(piece.bytes)
    }

    func finish() async throws(CallerLeft) {
        try await reply.end(Self.done)
    }

    func interrupt(_ failure: AttemptFailure) async throws(CallerLeft) {
        // No end mark follows: nobody shall take what came before for the whole.
        try await reply.end(OpenAIErrorBody.event(
            message: "the answer broke off: \(failure.message)", type: "upstream_error", code: "stream_interrupted"))
    }

    func refuse(_ failure: GatewayFailure, _ summary: DecisionSummary) async throws(CallerLeft) {
        try await reply.refuse(OpenAIError(failure), summary)
    }
}

extension ReplyWriter {
    /// Writes an error in the surface's dialect.
    func refuse(_ error: OpenAIError, _ summary: DecisionSummary?, id: RequestID? = nil) async throws(CallerLeft) {
        var head = error.head
        if let summary { head.add(summary) } else if let id { head.add("x-request-id", id.description) }
        try await send(head, OpenAIErrorBody.text(message: error.message, type: error.type, code: error.code, field: error.field))
    }
}

extension ReplyHead {
    /// Adds what a caller is told about how its answer came about.
    mutating func add(_ summary: DecisionSummary) {
        let id = summary.id.description
        add("x-request-id", id)
        add("request-id", id)
        add("x-holdfast-decision", id)
        if let provider = summary.provider { add("x-holdfast-provider", provider) }
        if let model = summary.model { add("x-holdfast-model", model) }
        add("x-holdfast-attempts", summary.attempts)
        add("x-holdfast-overhead-us", Int((summary.overhead / .microseconds(1)).rounded()))
    }
}
