import Bytes
package import Generation
import JSON

/// Reads a streamed chat completion: whole events go on as they came, looked at only for what must be seen.
///
/// The stream is complete when every choice has named its finish reason; neither an end mark nor the end of the
/// bytes makes it so. Nothing here waits: whoever owns the connection hands in what has come.
package struct ChatStreamReader {
    /// Events that may be unreadable before the stream is given up.
    private static let tolerated = 3

    private let call: ProviderCall
    private let redactor: Redactor
    /// Whether the chunk with the usage goes on, rather than being ours alone.
    private let passesUsage: Bool
    private var scanner = EventStreamScanner()
    private var shape = ChunkShape()
    /// Whether an event that differs from the last in nothing but its text is known by that. Off only for comparison.
    var knowsShapes = true
    private var seen = ChunkScan.Choices()
    private var answered = false
    private var toolCalls: ToolCalls?
    /// Events that could not be read.
    package private(set) var unreadable = 0
    /// Whether all of the answer has come.
    package private(set) var isComplete = false
    /// Whether nothing follows.
    package private(set) var isEnded = false
    /// Whether what was read last brought a part of the answer.
    package private(set) var hasProgressed = false
    /// What is known of the answer so far.
    package private(set) var facts: ReplyFacts
    /// The text so far; nil if it is not kept.
    package private(set) var delivered: DeliveredText?
    /// What the choices have said so far; nil if it is not kept.
    package private(set) var choices: [AnsweredChoice]?
    /// Whether it has brought more than thoughts.
    package private(set) var isAnswer = false
    /// How many bytes of the answer have arrived, for what is told of a failure.
    package var bytesReceived = 0

    /// Creates a reader of the answer to one call.
    ///
    /// - Parameter facts: What is known of the answer from elsewhere.
    package init(_ call: ProviderCall, _ facts: ReplyFacts, redactor: Redactor) {
        self.call = call
        self.facts = facts
        self.redactor = redactor
        passesUsage = !call.request.streams || call.request.wantsUsage
        delivered = call.keepsText && call.goingOn == nil ? DeliveredText() : nil
        choices = call.keepsChoices ? [] : nil
    }

    /// Takes note of the end of the bytes.
    package mutating func end() throws(AttemptFailure) {
        // A stream that ends as it should and never had an answer in it did not break off.
        if !answered, seen.isEmpty { throw empty() }
        guard seen.allSeenFinished else {
            throw broken(.transient, "closed_early", "the stream ended before the answer was complete")
        }
        guard answered || call.allowsEmpty else { throw empty() }
        isEnded = true
    }

    // MARK: Events

    /// A stretch of events that go to the caller.
    package struct Run {
        /// The stretches before the last one, which are rare: between them stands what is not the caller's.
        package private(set) var others: [Range<Int>] = []
        /// The last stretch.
        package private(set) var last = 0..<0
        /// How many events they are.
        package private(set) var events = 0

        /// Begins with none.
        package init() {}

        mutating func add(_ range: Range<Int>) {
            events += 1
            if last.upperBound == range.lowerBound, !last.isEmpty {
                last = last.lowerBound..<range.upperBound
            } else {
                if !last.isEmpty { others.append(last) }
                last = range
            }
        }
    }

    /// Reads the whole events at the start of `bytes` into `run`, and returns how many bytes they took. What it does not
    /// take must come again, with more.
    ///
    /// - Throws: What is wrong with the stream. Events that are in `run` by then were whole.
    package mutating func read(_ bytes: UnsafeRawBufferPointer, _ run: inout Run) throws(AttemptFailure)
        -> Int
    {
        var offset = 0
        hasProgressed = false
        while !isEnded {
            if let match = nextLikeTheLast(bytes, at: offset) {
                run.add(offset..<match.end)
                offset = match.end
                continue
            }
            let found: EventStreamScanner.Event?
            do throws(EventStreamScanner.TooLong) { found = try scanner.next(in: bytes, from: offset) } catch
            {
                throw broken(.apiFailure, "event_too_long", "the stream has an event of more than 1 MiB")
            }
            guard let event = found else { break }
            offset = event.range.upperBound
            if try passes(event, bytes) {
                run.add(event.range)
            } else if bytes[event.range.lowerBound] == 0x0A {
                // It belongs to the CR that ended the event before, which came without it.
                run.add(event.range.lowerBound..<event.range.lowerBound + 1)
            }
        }
        return offset
    }

    /// The next event, if it differs from the last in nothing but its text.
    private mutating func nextLikeTheLast(
        _ bytes: UnsafeRawBufferPointer, at offset: Int
    ) -> ChunkShape.Match? {
        guard knowsShapes, !shape.isEmpty, scanner.isBetweenEvents, let match = shape.match(bytes, at: offset)
        else {
            return nil
        }
        hasProgressed = true
        delivered?.add(match.text, in: bytes, toChoice: shape.choice)
        choices?.add(match.text, in: bytes, toChoice: shape.choice)
        return match
    }

    /// Whether an event goes to the caller.
    private mutating func passes(
        _ event: EventStreamScanner.Event, _ bytes: UnsafeRawBufferPointer
    ) throws(AttemptFailure) -> Bool {
        guard let first = event.data.first else { return true }
        guard event.data.count > 1 else {
            let data = UnsafeRawBufferPointer(rebasing: bytes[first])
            guard let scan = try chunk(data) else { return false }
            let passes = try passes(scan, data)
            shape.keep(event.range, data: first, scan, in: bytes)
            return passes
        }
        // Data lines are joined by line feeds.
        let joined = Array(event.data.map { bytes[$0] }.joined(separator: [0x0A]))
        var outcome: Result<Bool, AttemptFailure> = .success(true)
        joined.withUnsafeBytes { data in
            do throws(AttemptFailure) {
                guard let scan = try chunk(data) else { return outcome = .success(false) }
                outcome = .success(try passes(scan, data))
            } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }

    /// Reads a chunk; nil if it cannot be read and is passed over.
    private mutating func chunk(_ data: UnsafeRawBufferPointer) throws(AttemptFailure) -> ChunkScan? {
        do throws(JSONFault) { return try ChunkScan(data, choices: &seen) } catch {
            unreadable += 1
            guard unreadable <= Self.tolerated else {
                throw broken(.apiFailure, "unreadable", "the stream has too many unreadable events")
            }
            facts.skippedEvents = unreadable
            return nil
        }
    }

    private mutating func passes(
        _ scan: ChunkScan, _ data: UnsafeRawBufferPointer
    ) throws(AttemptFailure) -> Bool {
        if scan.isDone {
            try end()
            return false
        }
        if let error = scan.error {
            throw OpenAIFailures.failure(
                status: 200, error: ErrorBody.inner(UnsafeRawBufferPointer(rebasing: data[error])), text: "",
                phase: answered ? .body : .firstToken, retryAfter: nil, bytesReceived: bytesReceived,
                redactor: redactor)
        }
        try noteToolCalls(scan, data)
        note(scan, data)
        if scan.isProgress {
            answered = true
            hasProgressed = true
        } else if !answered, !call.allowsEmpty, seen.allSeenFinished {
            throw empty()
        }
        isComplete =
            (answered || call.allowsEmpty) && seen.allSeenFinished
            && seen.finishedCount >= min(call.request.choices, 128)
        delivered?.note(scan, data)
        isAnswer = isAnswer || scan.isAnswer
        choices?.note(scan, data)
        // The usage that only we asked for is ours.
        return !(scan.choicesAreEmpty && scan.usage != nil && !passesUsage)
    }

    /// Half a tool call is no end of a choice, whatever its finish reason; only an answer that says it was cut may be cut.
    private mutating func noteToolCalls(
        _ scan: ChunkScan, _ data: UnsafeRawBufferPointer
    ) throws(AttemptFailure) {
        guard let first = scan.part, toolCalls != nil || first.toolCalls != nil || !scan.otherParts.isEmpty
        else {
            return
        }
        for part in [first] + scan.otherParts {
            if let range = part.toolCalls {
                toolCalls = toolCalls ?? ToolCalls()
                toolCalls?.note(UnsafeRawBufferPointer(rebasing: data[range]), choice: part.choice)
            }
            guard let finish = part.finish, let toolCalls else { continue }
            guard
                toolCalls.areWhole(choice: part.choice)
                    || FinishReason(finish, JSONCursor(data)).mayBeCut
            else {
                throw broken(.apiFailure, "half_tool_call", "the provider's answer ends in half a tool call")
            }
        }
    }

    private mutating func note(_ scan: ChunkScan, _ data: UnsafeRawBufferPointer) {
        if let usage = scan.usage { facts.usage = usage }
        guard facts.model == nil || facts.finishReason == nil else { return }
        let cursor = JSONCursor(data)
        if facts.model == nil, let model = scan.model {
            facts.model = redactor.cleaned(cursor.decode(model, most: 1000))
        }
        if facts.finishReason == nil, let reason = scan.finishReason {
            facts.finishReason = FinishReason(reason, cursor).cleaned(by: redactor)
        }
    }

    // MARK: Failures

    /// The failure of a stream with no answer in it.
    package func empty() -> AttemptFailure {
        if facts.finishReason == .filtered {
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
            bytesReceived: bytesReceived)
    }
}
