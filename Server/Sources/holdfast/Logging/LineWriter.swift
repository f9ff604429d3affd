import Dispatch
import Foundation
import Synchronization

/// Writes lines to a file descriptor from a thread of its own, so that nobody waits for a slow reader of the log.
///
/// What is waiting is bounded; when it is full, lines are dropped and counted, and the count is written when there is
/// room again.
final class LineWriter: Sendable {
    private static let capacity = 1 << 20

    private struct State {
        var waiting: [UInt8] = []
        var isWriting = false
        var dropped = 0
    }

    private let descriptor: Int32
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "holdfast.log")

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Hands over a line, without its end.
    func write(_ line: String) {
        let starts = state.withLock { state in
            guard state.waiting.count + line.utf8.count < Self.capacity else {
                state.dropped += 1
                return false
            }
            state.waiting += line.utf8
            state.waiting.append(0x0A)
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

    private func writeWaiting() {
        while true {
            let bytes = state.withLock { state -> [UInt8] in
                if state.dropped > 0 {
                    state.waiting +=
                        #"{"level":"warning","message":"log lines dropped","count":\#(state.dropped)}"#.utf8
                    state.waiting.append(0x0A)
                    state.dropped = 0
                }
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isWriting = false }
                return state.waiting
            }
            guard !bytes.isEmpty else { return }
            var offset = 0
            while offset < bytes.count {
                let count = bytes[offset...].withUnsafeBytes {
                    Foundation.write(descriptor, $0.baseAddress, $0.count)
                }
                // A log that cannot be written must not stop anything.
                guard count > 0 else { break }
                offset += count
            }
        }
    }
}
