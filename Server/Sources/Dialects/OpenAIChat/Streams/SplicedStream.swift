package import Generation
import JSON
import NIOCore

/// An answer that goes on where another target's broke off.
///
/// The target answers from scratch, and its text is held back for as long as it only repeats what the caller has; the
/// first byte that differs ends the attempt, since the caller's text cannot be taken back. From there on its events pass,
/// under the identity of the answer that was begun. Nothing begins twice.
package final class SplicedStream: ReplyStream, @unchecked Sendable {  // Drawn by one task at a time.
    private let inner: any ReplyStream
    private let identity: DeliveredText.Identity
    private var has: DeliveredText
    /// How much of each choice's text was repeated so far.
    private var repeated: [Int]
    /// What must be repeated; nothing if the target was given it.
    private let owed: [[UInt8]]
    private var scanner = EventStreamScanner()

    /// Goes on with `goingOn` by the events of another stream.
    package init(_ inner: any ReplyStream, _ goingOn: GoingOn) {
        self.inner = inner
        switch goingOn {
        case .fromScratch(let delivered):
            has = delivered
            owed = delivered.texts
        case .prefilled(let delivered, _):
            has = delivered
            owed = []
        }
        identity = has.identity
        repeated = Array(repeating: 0, count: owed.count)
    }

    /// What is known of the answer that goes on.
    package var facts: ReplyFacts { inner.facts }
    /// All that the caller has.
    package var delivered: DeliveredText? { has }
    /// Ends the stream that goes on.
    package func cancel() { inner.cancel() }

    private var hasCaughtUp: Bool { zip(repeated, owed).allSatisfy { $0 == $1.count } }

    /// The next events that are new to the caller.
    package func next() async throws(AttemptFailure) -> ReplyPiece? {
        while let piece = try await inner.next() {
            if let rest = try rest(of: piece) { return rest }
        }
        guard hasCaughtUp else { throw Self.differs }
        return nil
    }

    private static let differs = AttemptFailure(
        .qualityFailure, cause: "different_text", phase: .body, status: 200,
        message: "the other provider's answer does not begin with what the caller has")

    // MARK: Events

    /// What of a piece is new to the caller; nil if nothing is.
    private func rest(of piece: ReplyPiece) throws(AttemptFailure) -> ReplyPiece? {
        var result = ReplyPiece(bytes: ByteBuffer(), events: 0, isProgress: false)
        var failure: AttemptFailure?
        piece.bytes.withUnsafeReadableBytes { bytes in
            do throws(AttemptFailure) { try pass(bytes, into: &result) } catch { failure = error }
        }
        if let failure { throw failure }
        return result.events > 0 ? result : nil
    }

    private func pass(_ bytes: UnsafeRawBufferPointer, into result: inout ReplyPiece) throws(AttemptFailure) {
        var offset = 0
        // Pieces hold whole events, which were read without fault before.
        while let event = try? scanner.next(in: bytes, from: offset) {
            offset = event.range.upperBound
            guard let first = event.data.first else { continue }
            if event.data.count == 1 {
                try pass(data: UnsafeRawBufferPointer(rebasing: bytes[first]), into: &result)
            } else {
                // Spaces mean to JSON what the line feeds between data lines do, and fit into one line.
                let joined = Array(event.data.map { bytes[$0] }.joined(separator: [0x20]))
                var failure: AttemptFailure?
                joined.withUnsafeBytes { data in
                    do throws(AttemptFailure) { try pass(data: data, into: &result) } catch {
                        failure = error
                    }
                }
                if let failure { throw failure }
            }
        }
    }

    private func pass(data: UnsafeRawBufferPointer, into result: inout ReplyPiece) throws(AttemptFailure) {
        var choices = ChunkScan.Choices()
        guard let scan = try? ChunkScan(data, choices: &choices), !scan.isDone else { return }
        try pass(scan, data, into: &result)
    }

    private func pass(_ scan: ChunkScan, _ data: UnsafeRawBufferPointer, into result: inout ReplyPiece)
        throws(AttemptFailure)
    {
        guard let part = scan.part else {
            // The chunk with the usage.
            if hasCaughtUp { emit(relabelled(scan, data), isProgress: false, into: &result) }
            return
        }
        for part in [part] + scan.otherParts {
            let text = try newText(part, data), wasCaughtUp = hasCaughtUp
            guard wasCaughtUp || !part.hasMore, wasCaughtUp || part.finish == nil else { throw Self.differs }
            if part.hasMore || part.hasOtherText {
                // Reasoning before the text is repeated is nothing that the caller has or misses.
                guard wasCaughtUp else { continue }
                has.addOther()
                guard scan.otherParts.isEmpty else { throw Self.differs }
                return emit(relabelled(scan, data), isProgress: true, into: &result)
            }
            guard !text.isEmpty || part.finish != nil else { continue }
            if !text.isEmpty { has.add(text, toChoice: part.choice) }
            if part.finish != nil { has.addOther() }
            emit(chunk(part, text, data), isProgress: !text.isEmpty, into: &result)
        }
    }

    /// What of a part's text the caller does not have yet.
    private func newText(_ part: ChunkScan.Part, _ data: UnsafeRawBufferPointer) throws(AttemptFailure)
        -> [UInt8]
    {
        guard let content = part.content else { return [] }
        let text = Array(JSONCursor(data).decode(content).utf8), choice = part.choice
        guard owed.indices.contains(choice) else { return text }
        let expected = owed[choice].dropFirst(repeated[choice]), common = min(expected.count, text.count)
        guard expected.prefix(common).elementsEqual(text.prefix(common)) else { throw Self.differs }
        repeated[choice] += common
        return Array(text.dropFirst(common))
    }

    // MARK: Writing

    private func emit(_ data: ByteBuffer, isProgress: Bool, into result: inout ReplyPiece) {
        result.bytes.writeEvent { $0.writeImmutableBuffer(data) }
        result.events += 1
        result.isProgress = result.isProgress || isProgress
    }

    /// A chunk of the answer that was begun.
    private func chunk(_ part: ChunkScan.Part, _ text: [UInt8], _ data: UnsafeRawBufferPointer) -> ByteBuffer
    {
        let delta =
            text.isEmpty
            ? "{}" : #"{"content":\#(JSONEscapes.quoted(String(decoding: text, as: UTF8.self)))}"#
        let finish = part.finish.map { JSONEscapes.quoted(JSONCursor(data).decode($0)) } ?? "null"
        var buffer = ByteBuffer(string: "{")
        for (name, value) in [("id", identity.id), ("created", identity.created), ("model", identity.model)] {
            guard let value else { continue }
            buffer.writeString("\"\(name)\":")
            buffer.writeBytes(value)
            buffer.writeString(",")
        }
        buffer.writeString(
            #""object":"chat.completion.chunk","choices":[{"index":\#(part.choice),"delta":\#(delta),"#
                + #""logprobs":null,"finish_reason":\#(finish)}]}"#)
        return buffer
    }

    /// A chunk as it came, under the identity of the answer that was begun.
    private func relabelled(_ scan: ChunkScan, _ data: UnsafeRawBufferPointer) -> ByteBuffer {
        let edits = [
            (scan.id, identity.id), (scan.created, identity.created), (scan.modelValue, identity.model),
        ]
        .compactMap { range, value in range.flatMap { range in value.map { (range, $0) } } }
        .sorted { $0.0.lowerBound < $1.0.lowerBound }
        var buffer = ByteBuffer(), offset = 0
        for (range, value) in edits {
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: data[offset..<range.lowerBound]))
            buffer.writeBytes(value)
            offset = range.upperBound
        }
        buffer.writeBytes(UnsafeRawBufferPointer(rebasing: data[offset...]))
        return buffer
    }
}

extension DeliveredText {
    /// Notes a chunk that goes to the caller.
    mutating func note(_ scan: ChunkScan, _ data: UnsafeRawBufferPointer) {
        if identity == Identity() {
            identity.id = scan.id.map { Array(data[$0]) }
            identity.created = scan.created.map { Array(data[$0]) }
            identity.model = scan.modelValue.map { Array(data[$0]) }
        }
        guard canGoOn, let part = scan.part else { return }
        note(part, data)
        for part in scan.otherParts { note(part, data) }
    }

    /// Notes a text that goes to the caller.
    mutating func add(_ text: JSONCursor.RawString, in data: UnsafeRawBufferPointer, toChoice choice: Int) {
        guard canGoOn else { return }
        if text.isEscaped {
            add(JSONCursor(data).decode(text).utf8, toChoice: choice)
        } else {
            add(UnsafeRawBufferPointer(rebasing: data[text.range]), toChoice: choice)
        }
    }

    private mutating func note(_ part: ChunkScan.Part, _ data: UnsafeRawBufferPointer) {
        if part.hasMore || part.hasOtherText || part.finish != nil { return addOther() }
        guard let content = part.content else { return }
        add(content, in: data, toChoice: part.choice)
    }
}
