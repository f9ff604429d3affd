import Dialects
import Generation
import HTTPMessage
import NIOCore
import Upstream

/// A streamed answer on its way from a provider: draws the bytes and lets its dialect's reader look at them.
final class OpenAIStream: ReplyStream, @unchecked Sendable {  // Drawn by one task at a time.
    /// How long the provider may take for usage and end mark after the answer is complete.
    private static let farewell = Duration.seconds(1)

    private let body: UpstreamBody
    private var reader: ChatStreamReader
    private var buffer = ByteBuffer()
    private var expectsEnd = false
    /// A fault that was found behind events which had to be passed on first.
    private var fault: AttemptFailure?

    init(_ body: UpstreamBody, _ reader: ChatStreamReader) {
        self.body = body
        self.reader = reader
    }

    var facts: ReplyFacts { reader.facts }
    var delivered: DeliveredText? { reader.delivered }
    var choices: [AnsweredChoice]? { reader.choices }
    /// Whether it has brought more than thoughts.
    var isAnswer: Bool { reader.isAnswer }
    /// Events that could not be read.
    var unreadable: Int { reader.unreadable }

    func cancel() {
        body.cancel()
    }

    func next() async throws(AttemptFailure) -> ReplyPiece? {
        while !reader.isEnded {
            if let fault { throw fault }
            if let piece = try readBuffered() { return piece }
            if reader.isEnded { break }
            if try await !fill() {
                reader.bytesReceived = body.bytesReceived
                try reader.end()
            }
        }
        body.drain()
        return nil
    }

    /// The failure of a stream with no answer in it.
    func empty() -> AttemptFailure { reader.empty() }

    /// Adds the next bytes of the body to the buffer; false at its end.
    private func fill() async throws(AttemptFailure) -> Bool {
        do throws(UpstreamFailure) {
            guard let bytes = try await body.next() else { return false }
            // What was passed on may still wait to be sent; only the rest is taken along.
            buffer.addInput(bytes)
            return true
        } catch {
            // After the last finish reason nothing that matters can go wrong any more.
            if reader.isComplete { return false }
            throw AttemptFailure(error)
        }
    }

    /// Reads the whole events that have arrived; nil if they hold nothing for the caller.
    private func readBuffered() throws(AttemptFailure) -> ReplyPiece? {
        guard buffer.readableBytes > 0 else { return nil }
        var run = ChatStreamReader.Run()
        let base = buffer.readerIndex
        reader.bytesReceived = body.bytesReceived
        let consumed = buffer.withUnsafeReadableBytes { bytes -> Int in
            do throws(AttemptFailure) { return try reader.read(bytes, &run) } catch {
                fault = error
                return bytes.count
            }
        }
        if let fault {
            cancel()
            // What was whole before the fault still goes to the caller.
            if run.events == 0 { throw fault }
        } else {
            tellProgress()
        }
        defer {
            buffer.moveReaderIndex(forwardBy: consumed)
            if buffer.readableBytes == 0 { buffer = ByteBuffer() }
        }
        return piece(run, base)
    }

    private func tellProgress() {
        if reader.isComplete, !expectsEnd {
            expectsEnd = true
            body.expectEnd(within: Self.farewell)
        }
        if reader.hasProgressed, !expectsEnd { body.progressed() }
    }

    private func piece(_ run: ChatStreamReader.Run, _ base: Int) -> ReplyPiece? {
        guard run.events > 0 else { return nil }
        // What came before a fault shall not count as the beginning of an answer.
        let isProgress = fault == nil && reader.hasProgressed
        guard !run.others.isEmpty else {
            return slice(run.last, base).map {
                ReplyPiece(bytes: $0, events: run.events, isProgress: isProgress)
            }
        }
        var bytes = ByteBuffer()
        for part in run.others + [run.last] {
            if let more = slice(part, base) { bytes.writeImmutableBuffer(more) }
        }
        return ReplyPiece(bytes: bytes, events: run.events, isProgress: isProgress)
    }

    private func slice(_ part: Range<Int>, _ base: Int) -> ByteBuffer? {
        buffer.getSlice(at: base + part.lowerBound, length: part.count)
    }
}
