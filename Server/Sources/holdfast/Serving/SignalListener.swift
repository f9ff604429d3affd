import Foundation
import Synchronization

/// Hears signals on a thread of its own, so that a process whose event loops and concurrency threads are all busy can
/// still be ended.
///
/// A handler writes the signal's number into a pipe, which is among the few things that a handler may do, and the thread
/// reads it there. What needs the rest of the program is told to `hear`; the end itself needs nobody.
final class SignalListener: Sendable {
    /// A signal that was heard.
    enum Heard: Equatable, Sendable {
        /// The configuration is to be read again.
        case reload
        case stopping(Stopping.Action)
    }

    /// Where handlers write to. They cannot be given anything, so there is one for the process.
    private static let entrance = Atomic<Int32>(-1)

    private let hear: @Sendable (Heard) -> Void

    /// - Parameter hear: Is told what was heard, on the thread; it must not wait.
    init(hear: @escaping @Sendable (Heard) -> Void) {
        self.hear = hear
    }

    private static let numbers = [SIGTERM, SIGINT, SIGHUP]

    /// Begins to hear SIGTERM, SIGINT and SIGHUP. Only once in a process.
    func start() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return StandardError.show("signals are not heard: there is no pipe") }
        // A full pipe must not stop the thread that a handler interrupts.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        Self.entrance.store(ends[1], ordering: .sequentiallyConsistent)
        let outlet = ends[0]
        Thread.detachNewThread { self.listen(at: outlet) }
        for number in Self.numbers {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                let error = errno
                _ = write(SignalListener.entrance.load(ordering: .relaxed), &byte, 1)
                errno = error
            }
        }
    }

    /// Lets the signals come to this thread. Those of the concurrency pool keep them out, and so do threads that they make.
    private static func unblock() {
        var mask = sigset_t()
        sigemptyset(&mask)
        for number in numbers { sigaddset(&mask, number) }
        pthread_sigmask(SIG_UNBLOCK, &mask, nil)
    }

    /// - Parameter outlet: The end of the pipe at which what handlers have written is read.
    private func listen(at outlet: Int32) {
        Self.unblock()
        var stopping = Stopping()
        while true {
            var pipe = pollfd(fd: outlet, events: Int16(POLLIN), revents: 0)
            let patience = stopping.isImpatient ? Int32(Stopping.patience / .milliseconds(1)) : -1
            let ready = poll(&pipe, 1, patience)
            if ready < 0, errno == EINTR { continue }
            // Nothing is flushed or closed: whatever would have to be waited for may be what keeps the process.
            guard ready > 0 else { _exit(1) }
            var number: UInt8 = 0
            guard read(outlet, &number, 1) == 1 else { continue }
            guard Int32(number) != SIGHUP else {
                hear(.reload)
                continue
            }
            let action = stopping.next()
            if action == .exit { _exit(1) }
            // Signals that came in between would lengthen the patience.
            if stopping.isImpatient { signal(SIGHUP, SIG_IGN) }
            hear(.stopping(action))
        }
    }
}
