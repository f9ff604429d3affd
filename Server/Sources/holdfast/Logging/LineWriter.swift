import Dispatch
import Foundation
import Synchronization

/// Writes lines to a file descriptor from a thread of its own, so that nobody waits for a slow reader of the log.
///
/// What is waiting is bounded; when it is full, lines are dropped and counted, and the count is written when there is
/// room again. The same is done with lines that cannot be written. A line is written as a whole or not at all: the rest of
/// one that was begun when writing failed is what is written next.
final class LineWriter: Sendable {
    private static let capacity = 1 << 20

    private struct State {
        var waiting: [UInt8] = []
        var isWriting = false
        var dropped = 0
        /// The rest of a line of which a part is written.
        var begun: [UInt8] = []
    }

    private let descriptor: Int32
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "holdfast.log")

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Hands over a line, without its end.
    func write(_ line: String) {
        var line = line + "\n"
        line.withUTF8 { write(UnsafeRawBufferPointer($0), lines: 1) }
    }

    /// Hands over whole lines, each with its end.
    ///
    /// - Parameter lines: How many there are.
    func write(_ bytes: UnsafeRawBufferPointer, lines: Int) {
        let starts = state.withLock { state in
            guard state.waiting.count + bytes.count <= Self.capacity else {
                state.dropped += lines
                return false
            }
            state.waiting += bytes
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if starts { queue.async { self.writeWaiting() } }
    }

    /// Waits until what was handed over is written, for at most `seconds`.
    func flush(seconds: Double) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + seconds)
    }

    /// What is written at a time.
    private struct Batch {
        var bytes: [UInt8]
        /// Whether it begins with the rest of a line.
        var startsInLine: Bool
        /// Where the line about dropped ones stands, and how many it tells of.
        var notice: Int
        var told: Int
    }

    private func writeWaiting() {
        while let batch = takeWaiting() {
            let written = writeAll(batch.bytes)
            // A log that cannot be written must not stop anything. The next line tries again.
            if written < batch.bytes.count { return keep(batch, after: written) }
        }
    }

    /// What is to be written next; nil if nothing is.
    private func takeWaiting() -> Batch? {
        state.withLock { state in
            guard !state.waiting.isEmpty || state.dropped > 0 else {
                state.isWriting = false
                return nil
            }
            let lines = state.begun + state.waiting
            var batch = Batch(
                bytes: lines, startsInLine: !state.begun.isEmpty, notice: lines.count, told: state.dropped)
            if state.dropped > 0 {
                batch.bytes +=
                    #"{"level":"warning","message":"log lines dropped","count":\#(state.dropped)}"#.utf8
                batch.bytes.append(0x0A)
            }
            state.dropped = 0
            state.begun = []
            state.waiting.removeAll(keepingCapacity: true)
            return batch
        }
    }

    /// Keeps the rest of the line of which a part is written, and counts those that are lost.
    private func keep(_ batch: Batch, after written: Int) {
        let rest = batch.bytes[written...]
        state.withLock { state in
            var lost = rest[..<max(written, batch.notice)].count { $0 == 0x0A }
            if batch.told > 0, written <= batch.notice { lost += batch.told }
            let isBegun = written == 0 ? batch.startsInLine : batch.bytes[written - 1] != 0x0A
            if isBegun {
                state.begun = Array(rest[...(rest.firstIndex(of: 0x0A) ?? rest.endIndex - 1)])
                if written < batch.notice { lost -= 1 }
            }
            state.dropped += lost + state.waiting.count { $0 == 0x0A }
            state.waiting = []
            state.isWriting = false
        }
    }

    /// - Returns: How many bytes were written before writing failed.
    private func writeAll(_ bytes: [UInt8]) -> Int {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress, $0.count)
            }
            if count > 0 {
                offset += count
            } else if count < 0, errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&ready, 1, -1)
            } else if count == 0 || errno != EINTR {
                return offset
            }
        }
        return offset
    }
}
