import Bytes
import NIOCore

/// Reads the body of a message by its framing. Chunk extensions and trailers are bounded and not looked at.
struct BodyParser {
    private enum State {
        case fixed(left: Int)
        /// Next: chunkData, or trailers after the last chunk.
        case chunkSize
        case chunkData(left: Int)
        case chunkEnd
        case trailers
        case untilClose
        case complete
    }

    private static let maximumChunkLine = 4096
    private static let maximumTrailers = 16 * 1024

    private var state: State
    private var trailerBytes = 0

    static var empty: BodyParser { BodyParser(state: .complete) }
    static var chunked: BodyParser { BodyParser(state: .chunkSize) }
    static var untilClose: BodyParser { BodyParser(state: .untilClose) }
    static func fixed(_ length: Int) -> BodyParser {
        BodyParser(state: length == 0 ? .complete : .fixed(left: length))
    }

    private init(state: State) {
        self.state = state
    }

    /// Whether the body may end when the connection does.
    var endsWithConnection: Bool {
        if case .untilClose = state { return true }
        return false
    }

    /// Moves what there is of the body to `body`.
    ///
    /// - Returns: Whether it is complete.
    mutating func read(_ input: inout ByteBuffer, into body: inout ByteBuffer) throws(MessageFault) -> Bool {
        while true {
            switch state {
            case .complete: return true
            case .fixed(let left):
                let count = min(left, input.readableBytes)
                move(count, &input, &body)
                state = count == left ? .complete : .fixed(left: left - count)
                return count == left
            case .untilClose:
                move(input.readableBytes, &input, &body)
                return false
            case .chunkSize:
                guard let size = try readChunkSize(&input) else { return false }
                state = size == 0 ? .trailers : .chunkData(left: size)
            case .chunkData(let left):
                let count = min(left, input.readableBytes)
                move(count, &input, &body)
                guard count == left else {
                    state = .chunkData(left: left - count)
                    return false
                }
                state = .chunkEnd
            case .chunkEnd:
                guard input.readableBytes >= 2 else { return false }
                guard input.readInteger(as: UInt16.self) == 0x0D0A else {
                    throw .malformed("a chunk does not end in CR LF")
                }
                state = .chunkSize
            case .trailers:
                guard let length = try readTrailer(&input) else { return false }
                if length == 0 { state = .complete }
            }
        }
    }

    private func readChunkSize(_ input: inout ByteBuffer) throws(MessageFault) -> Int? {
        var fault: MessageFault?, size = 0
        let length = input.withUnsafeReadableBytes { bytes -> Int? in
            guard let end = bytes.firstOffset(of: 0x0A, from: 0) else {
                if bytes.count > Self.maximumChunkLine {
                    fault = .malformed("a chunk's first line is too long")
                }
                return nil
            }
            do throws(MessageFault) { size = try Self.chunkSize(bytes, lineEnd: end) } catch { fault = error }
            return end + 1
        }
        if let fault { throw fault }
        guard let length else { return nil }
        input.moveReaderIndex(forwardBy: length)
        return size
    }

    private static func chunkSize(_ bytes: UnsafeRawBufferPointer, lineEnd: Int) throws(MessageFault) -> Int {
        guard lineEnd <= maximumChunkLine else { throw .malformed("a chunk's first line is too long") }
        guard lineEnd >= 1, bytes[lineEnd - 1] == 0x0D else {
            throw .malformed("a chunk's first line does not end in CR LF")
        }
        var size = 0, index = 0
        while index < lineEnd - 1, let digit = hexDigit(bytes[index]) {
            guard index < 8 else { throw .malformed("a chunk is too large") }
            size = size << 4 | Int(digit)
            index += 1
        }
        guard index > 0 else { throw .malformed("a chunk has no size") }
        guard index < lineEnd - 1 else { return size }
        // An extension; nobody needs to understand it.
        guard bytes[index] == 0x3B else { throw .malformed("a chunk's size is no number") }
        for byte in bytes[index..<lineEnd - 1] where byte < 0x20 && byte != 0x09 {
            throw .malformed("a chunk's extension has a control character")
        }
        return size
    }

    private mutating func readTrailer(_ input: inout ByteBuffer) throws(MessageFault) -> Int? {
        let end = input.withUnsafeReadableBytes { $0.firstOffset(of: 0x0A, from: 0) }
        let arrived = end.map { $0 + 1 } ?? input.readableBytes
        if trailerBytes + arrived > Self.maximumTrailers { throw .malformed("the trailers are too long") }
        guard let end else { return nil }
        guard end >= 1, input.getInteger(at: input.readerIndex + end - 1, as: UInt8.self) == 0x0D else {
            throw .malformed("a trailer does not end in CR LF")
        }
        trailerBytes += arrived
        input.moveReaderIndex(forwardBy: arrived)
        return end - 1
    }

    private func move(_ count: Int, _ input: inout ByteBuffer, _ body: inout ByteBuffer) {
        guard count > 0, let bytes = input.readSlice(length: count) else { return }
        if body.readableBytes > 0 {
            body.writeImmutableBuffer(bytes)
        } else if case .chunkData = state, input.readableBytes > 2 {
            // More chunks came in the same read: one allocation for all of them.
            body = ByteBuffer()
            body.reserveCapacity(count + input.readableBytes)
            body.writeImmutableBuffer(bytes)
        } else {
            body = bytes
        }
    }
}
