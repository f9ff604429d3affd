import Dialects
import Gateway
import Generation
import NIOCore

/// Gives a gateway's answer to a caller of the OpenAI surface.
final class ChatReplySink: ReplySink {
    private let reply: any ReplyWriter

    init(_ reply: any ReplyWriter) {
        self.reply = reply
    }

    func deliver(_ whole: WholeReply, _ summary: DecisionSummary) async throws(CallerLeft) {
        try await reply.send(
            ReplyHead(200, lines: "content-type: application/json\r\n", summary: summary), whole.body)
    }

    func begin(_ summary: DecisionSummary) async throws(CallerLeft) {
        let lines: StaticString =
            "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"
        try await reply.begin(ReplyHead(200, lines: lines, summary: summary))
    }

    func deliver(_ piece: ReplyPiece) async throws(CallerLeft) {
        try await reply.write(piece.bytes)
    }

    func finish() async throws(CallerLeft) {
        try await reply.end(ChatStreamEnd.mark)
    }

    func interrupt(_ failure: AttemptFailure) async throws(CallerLeft) {
        // No end mark follows: nobody shall take what came before for the whole.
        try await reply.end(OpenAIErrorBody.interruption(failure.message))
    }

    func refuse(_ failure: GatewayFailure, _ summary: DecisionSummary) async throws(CallerLeft) {
        try await reply.refuse(OpenAIError(failure), summary)
    }
}

extension ReplyWriter {
    /// Writes an error in the surface's dialect.
    func refuse(_ error: OpenAIError, _ summary: DecisionSummary?, id: RequestID? = nil)
        async throws(CallerLeft)
    {
        var head = error.head
        if let summary { head.summary = summary } else if let id { head.add("x-request-id", id.description) }
        try await send(head, error.body)
    }
}
