import Foundation
import Testing

@testable import holdfast

@Suite struct StoppingTests {
    @Test func `the first signal drains, the second stops, and from the third the process ends`() {
        var stopping = Stopping()
        #expect(!stopping.isImpatient)
        #expect(stopping.next() == .drain)
        #expect(!stopping.isImpatient)
        #expect(stopping.next() == .stop)
        #expect(stopping.isImpatient)
        #expect(stopping.next() == .exit)
        #expect(stopping.next() == .exit)
        #expect(Stopping.patience < .seconds(1))
    }

    /// Keeps every thread of the concurrency pool busy for longer than any test waits.
    private static func occupyPool() {
        for _ in 0..<4 * ProcessInfo.processInfo.activeProcessorCount {
            Task.detached { while !Task.isCancelled {} }
        }
        usleep(200_000)
    }

    /// Sends a signal to the process; to the thread, which may not listen, it would not come.
    private static func send(_ number: Int32) {
        kill(getpid(), number)
        // A signal that comes again before it was heard counts once.
        usleep(20_000)
    }

    @Test func `a second signal ends a process whose threads are all busy`() async {
        await #expect(processExitsWith: .exitCode(1)) {
            SignalListener { _ in }.start()
            Self.occupyPool()
            Self.send(SIGTERM)
            usleep(100_000)
            Self.send(SIGTERM)
            usleep(1_000_000)
            // Too late.
            _exit(7)
        }
    }

    @Test func `a third signal ends it at once, and a wish to reload does not`() async {
        await #expect(processExitsWith: .exitCode(1)) {
            SignalListener { _ in }.start()
            for _ in 0..<5 { Self.send(SIGHUP) }
            usleep(300_000)
            for _ in 0..<3 { Self.send(SIGINT) }
            usleep(300_000)
            _exit(7)
        }
    }

    @Test func `one signal alone leaves the end to the program, however long it takes`() async {
        await #expect(processExitsWith: .exitCode(7)) {
            SignalListener { _ in }.start()
            Self.send(SIGTERM)
            usleep(1_500_000)
            _exit(7)
        }
    }

    @Test func `signals to reload do not put off the end after the second signal to stop`() async {
        await #expect(processExitsWith: .exitCode(1)) {
            SignalListener { _ in }.start()
            for _ in 0..<2 {
                Self.send(SIGTERM)
                usleep(50_000)
            }
            for _ in 0..<20 {
                Self.send(SIGHUP)
                usleep(50_000)
            }
            _exit(7)
        }
    }
}
