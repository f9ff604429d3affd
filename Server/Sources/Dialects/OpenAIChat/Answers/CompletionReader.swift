import Bytes
package import Generation
import JSON
package import NIOCore

/// Reads a whole chat completion and checks that a complete answer is in it.
package struct CompletionReader: Sendable {
    private let call: ProviderCall
    private let status: Int
    private let bytesReceived: Int
    private let redactor: Redactor

    /// Creates a reader of one answer.
    ///
    /// - Parameters:
    ///   - call: What was asked for.
    ///   - status: The response's status.
    ///   - bytesReceived: The bytes of the response.
    package init(_ call: ProviderCall, status: Int, bytesReceived: Int, redactor: Redactor) {
        self.call = call
        self.status = status
        self.bytesReceived = bytesReceived
        self.redactor = redactor
    }

    /// Checks that a body is a complete chat completion with an answer in it.
    ///
    /// - Parameters:
    ///   - facts: What is known of the answer from elsewhere.
    ///   - retryAfter: What the response's fields say of when to ask again.
    package func read(
        _ body: ByteBuffer, _ facts: ReplyFacts, retryAfter: () -> Duration?
    ) throws(AttemptFailure) -> WholeReply {
        var whole = WholeReply(body: body, facts: facts), failure: AttemptFailure?
        body.withUnsafeReadableBytes { bytes in
            do throws(AttemptFailure) { try read(bytes, &whole, retryAfter) } catch { failure = error }
        }
        if let failure { throw failure }
        return whole
    }

    private func read(
        _ bytes: UnsafeRawBufferPointer, _ whole: inout WholeReply, _ retryAfter: () -> Duration?
    ) throws(AttemptFailure) {
        let scan: CompletionScan
        do throws(JSONFault) { scan = try CompletionScan(bytes, keepsChoices: call.keepsChoices) } catch {
            throw unreadable(bytes, error)
        }
        if let error = scan.error {
            throw OpenAIFailures.failure(
                status: status,
                error: ErrorBody.inner(UnsafeRawBufferPointer(rebasing: bytes[error])), text: "",
                phase: .body, retryAfter: retryAfter(), bytesReceived: bytesReceived, redactor: redactor)
        }
        try check(scan)
        let cursor = JSONCursor(bytes)
        whole.facts.model = scan.model.map { redactor.cleaned(cursor.decode($0, most: 1000)) }
        whole.facts.usage = scan.usage
        whole.facts.finishReason = scan.finishReason?.cleaned(by: redactor)
        whole.choices = scan.kept
    }

    private func check(_ scan: CompletionScan) throws(AttemptFailure) {
        let mayBeEmpty = call.allowsEmpty || call.isCut(by: scan.finishReason)
        guard scan.choices <= GenerationRequest.mostChoices else {
            throw failure(.apiFailure, "malformed", "the provider's answer has too many choices")
        }
        guard scan.choices > 0, scan.answered > 0 || mayBeEmpty && scan.finished > 0 else {
            if scan.finishReason == .filtered {
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
    }

    private func unreadable(_ bytes: UnsafeRawBufferPointer, _ fault: JSONFault) -> AttemptFailure {
        guard let first = bytes.first(where: { $0 > 0x20 }) else {
            return failure(.qualityFailure, "empty", "the provider's answer is empty")
        }
        return first == 0x3C
            ? failure(.apiFailure, "page", "the provider answered with a web page")
            : failure(.apiFailure, "malformed", "the provider's answer \(fault.kind.rawValue)")
    }

    private func failure(_ kind: FailureClass, _ cause: String, _ message: String) -> AttemptFailure {
        AttemptFailure(
            kind, cause: cause, phase: .body, status: status, message: message, bytesReceived: bytesReceived)
    }
}

extension ProviderCall {
    /// Whether the caller's own limit left room for nothing but thoughts.
    package func isCut(by reason: FinishReason?) -> Bool {
        reason == .length && request.maximumTokens != nil
    }
}
