import Generation
import HTTPMessage
import JSON
import NIOCore
import Upstream

/// A streamed chat completion: whole events passed on as they came, looked at only for what must be seen.
///
/// The stream is complete when every choice has named its finish reason; neither an end mark nor the end of the
/// connection makes it so.
final class OpenAIStream: ReplyStream, @unchecked Sendable {  // Drawn by one task at a time.
    /// How long the provider may take for usage and end mark after the answer is complete.
    private static let farewell = Duration.seconds(1)
    /// Events that may be unreadable before the stream is given up.
    private static let tolerated = 3

    private let body: UpstreamBody
    private let request: GenerationRequest
    private let redactor: Redactor
    /// Whether the chunk with the usage goes on, rather than being ours alone.
    private let passesUsage: Bool
    private var scanner = EventStreamScanner()
    private var buffer = ByteBuffer()
    private var seen = ChunkScan.Choices()
    private(set) var unreadable = 0
    private var answered = false
    private var toolCalls: ToolCalls?
    private var isEnded = false
    private var expectsEnd = false
    /// A fault that was found behind events which had to be passed on first.
    private var fault: AttemptFailure?
    private(set) var facts: ReplyFacts
    private(set) var delivered: DeliveredText?
    private(set) var choices: [AnsweredChoice]?
    /// Whether it has brought more than thoughts.
    private(set) var isAnswer = false
    /// Whether a stream that ends with nothing in it is complete.
    private let allowsEmpty: Bool

    init(
        _ body: UpstreamBody, for request: GenerationRequest, upstreamID: String?, limit: RateLimitNotice?,
        redactor: Redactor,
        keepsText: Bool, passesUsage: Bool, keepsChoices: Bool, allowsEmpty: Bool
    ) {
        choices = keepsChoices ? [] : nil
        self.allowsEmpty = allowsEmpty
        self.passesUsage = passesUsage
        delivered = keepsText ? DeliveredText() : nil
        self.body = body
        self.request = request
        self.redactor = redactor
        facts = ReplyFacts(upstreamID: upstreamID, limit: limit)
    }

    func cancel() {
        body.cancel()
    }

    func next() async throws(AttemptFailure) -> ReplyPiece? {
        while !isEnded {
            if let fault { throw fault }
            if let piece = try readBuffered() { return piece }
            if isEnded { break }
            if try await !fill() { try endOfBody() }
        }
        body.drain()
        return nil
    }

    /// Adds the next bytes of the body to the buffer; false at its end.
    private func fill() async throws(AttemptFailure) -> Bool {
        do throws(UpstreamFailure) {
            guard let bytes = try await body.next() else { return false }
            // What was passed on may still wait to be sent; only the rest is taken along.
            buffer.addInput(bytes)
            return true
        } catch {
            // After the last finish reason nothing that matters can go wrong any more.
            if isComplete { return false }
            throw OpenAIFailures.failure(error)
        }
    }

    private var isComplete: Bool {
        (answered || allowsEmpty) && seen.allSeenFinished && seen.finishedCount >= min(request.choices, 128)
    }

    private func endOfBody() throws(AttemptFailure) {
        // A stream that ends as it should and never had an answer in it did not break off.
        if !answered, seen.isEmpty { throw empty() }
        guard seen.allSeenFinished else {
            throw broken(.transient, "closed_early", "the stream ended before the answer was complete")
        }
        guard answered || allowsEmpty else { throw empty() }
        isEnded = true
    }

    // MARK: Events

    /// Reads the whole events that have arrived; nil if they hold nothing for the caller.
    private func readBuffered() throws(AttemptFailure) -> ReplyPiece? {
        guard buffer.readableBytes > 0 else { return nil }
        var run = Run()
        let base = buffer.readerIndex
        let consumed = buffer.withUnsafeReadableBytes { bytes -> Int in
            do throws(AttemptFailure) { return try readEvents(bytes, &run) } catch {
                fault = error
                return bytes.count
            }
        }
        if let fault {
            cancel()
            // What was whole before the fault still goes to the caller.
            if run.isEmpty { throw fault }
        }
        defer {
            buffer.moveReaderIndex(forwardBy: consumed)
            if buffer.readableBytes == 0 { buffer = ByteBuffer() }
        }
        return piece(run, base)
    }

    /// A stretch of events that go to the caller.
    private struct Run {
        var parts: [Range<Int>] = []
        var events = 0
        var isProgress = false

        var isEmpty: Bool { events == 0 }

        mutating func add(_ range: Range<Int>) {
            events += 1
            if let last = parts.last, last.upperBound == range.lowerBound {
                parts[parts.count - 1] = last.lowerBound..<range.upperBound
            } else {
                parts.append(range)
            }
        }
    }

    private func piece(_ run: Run, _ base: Int) -> ReplyPiece? {
        guard let first = run.parts.first,
            var bytes = buffer.getSlice(at: base + first.lowerBound, length: first.count)
        else {
            return nil
        }
        for part in run.parts.dropFirst() {
            if let more = buffer.getSlice(at: base + part.lowerBound, length: part.count) {
                bytes.writeImmutableBuffer(more)
            }
        }
        return ReplyPiece(bytes: bytes, events: run.events, isProgress: run.isProgress)
    }

    /// Reads events from the start of `bytes` and returns how many bytes they took.
    private func readEvents(_ bytes: UnsafeRawBufferPointer, _ run: inout Run) throws(AttemptFailure) -> Int {
        var offset = 0, progressed = false
        while !isEnded {
            let found: EventStreamScanner.Event?
            do throws(EventStreamScanner.TooLong) { found = try scanner.next(in: bytes, from: offset) } catch
            {
                throw broken(.apiFailure, "event_too_long", "the stream has an event of more than 1 MiB")
            }
            guard let event = found else { break }
            offset = event.range.upperBound
            if try passes(event, bytes, &progressed) {
                run.add(event.range)
            } else if bytes[event.range.lowerBound] == 0x0A {
                // It belongs to the CR that ended the event before, which came without it.
                run.add(event.range.lowerBound..<event.range.lowerBound + 1)
            }
            if isComplete, !expectsEnd {
                expectsEnd = true
                body.expectEnd(within: Self.farewell)
            }
        }
        if progressed {
            run.isProgress = true
            if !expectsEnd { body.progressed() }
        }
        return offset
    }

    /// Whether an event goes to the caller.
    private func passes(
        _ event: EventStreamScanner.Event, _ bytes: UnsafeRawBufferPointer, _ progressed: inout Bool
    )
        throws(AttemptFailure) -> Bool
    {
        guard let first = event.data.first else { return true }
        guard event.data.count > 1 else {
            return try passes(UnsafeRawBufferPointer(rebasing: bytes[first]), &progressed)
        }
        // Data lines are joined by line feeds.
        let joined = event.data.map { Array(bytes[$0]) }.joined(separator: [0x0A])
        var outcome: Result<Bool, AttemptFailure> = .success(true)
        Array(joined).withUnsafeBytes { data in
            do throws(AttemptFailure) { outcome = .success(try passes(data, &progressed)) } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }

    private func passes(_ data: UnsafeRawBufferPointer, _ progressed: inout Bool) throws(AttemptFailure)
        -> Bool
    {
        let scan: ChunkScan
        do throws(JSONFault) { scan = try ChunkScan(data, choices: &seen) } catch {
            unreadable += 1
            guard unreadable <= Self.tolerated else {
                throw broken(.apiFailure, "unreadable", "the stream has too many unreadable events")
            }
            facts.skippedEvents = unreadable
            return false
        }
        if scan.isDone {
            try endOfBody()
            return false
        }
        if let error = scan.error {
            throw OpenAIFailures.failure(
                status: 200, error: ErrorBody.inner(UnsafeRawBufferPointer(rebasing: data[error])), text: "",
                phase: answered ? .body : .firstToken, retryAfter: nil, bytesReceived: body.bytesReceived,
                redactor: redactor)
        }
        try noteToolCalls(scan, data)
        note(scan, data)
        if scan.isProgress {
            answered = true
            progressed = true
        } else if !answered, !allowsEmpty, seen.allSeenFinished {
            throw empty()
        }
        delivered?.note(scan, data)
        isAnswer = isAnswer || scan.isAnswer
        choices?.note(scan, data)
        // The usage that only we asked for is ours.
        return !(scan.choicesAreEmpty && scan.usage != nil && !passesUsage)
    }

    /// Half a tool call is no end of a choice, whatever its finish reason; only an answer that says it was cut may be cut.
    private func noteToolCalls(_ scan: ChunkScan, _ data: UnsafeRawBufferPointer) throws(AttemptFailure) {
        guard let first = scan.part, toolCalls != nil || first.toolCalls != nil || !scan.otherParts.isEmpty
        else {
            return
        }
        for part in [first] + scan.otherParts {
            if let range = part.toolCalls {
                toolCalls = toolCalls ?? ToolCalls()
                toolCalls?.note(UnsafeRawBufferPointer(rebasing: data[range]), choice: part.choice)
            }
            guard let finish = part.finish.map(JSONCursor(data).decode), toolCalls != nil else { continue }
            guard toolCalls?.areWhole(choice: part.choice) != false || ToolCalls.mayBeCut(finish) else {
                throw broken(.apiFailure, "half_tool_call", "the provider's answer ends in half a tool call")
            }
        }
    }

    private func note(_ scan: ChunkScan, _ data: UnsafeRawBufferPointer) {
        if let usage = scan.usage { facts.usage = usage }
        if facts.model == nil || facts.finishReason == nil {
            let cursor = JSONCursor(data)
            if facts.model == nil, let model = scan.model {
                facts.model = redactor.cleaned(cursor.decode(model, most: 1000))
            }
            if facts.finishReason == nil, let reason = scan.finishReason {
                facts.finishReason = redactor.cleaned(cursor.decode(reason, most: 1000))
            }
        }
    }

    /// The failure of a stream with no answer in it.
    func empty() -> AttemptFailure {
        if facts.finishReason == "content_filter" {
            return broken(.contentPolicy, "refused", "the provider filtered the answer")
        }
        if unreadable > 0 {
            return broken(.apiFailure, "unreadable", "the stream has unreadable events only")
        }
        return broken(.qualityFailure, "empty", "the provider's answer is empty")
    }

    private func broken(_ kind: FailureClass, _ cause: String, _ message: String) -> AttemptFailure {
        AttemptFailure(
            kind, cause: cause, phase: answered ? .body : .firstToken, status: 200, message: message,
            bytesReceived: body.bytesReceived)
    }
}
