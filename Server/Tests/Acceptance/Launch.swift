import Foundation
import Synchronization

extension Process {
    private static let launching = Mutex(())

    /// Starts it, one at a time: a process that is born while another one is being started inherits the socket by which
    /// the other's end is noticed, and hides that end for as long as it lives itself.
    func startAlone() throws {
        try Self.launching.withLock { _ in try run() }
    }

    /// Runs it to its end, which a thread of its own waits for: all tests share as many threads as there are processors, and
    /// whoever waits on one of those holds the others up.
    ///
    /// - Parameter errors: Where its standard error goes; nil for where its output goes.
    /// - Returns: What it wrote to its standard output.
    func finish(errors: FileHandle? = nil) async throws -> (status: Int32, output: String) {
        let pipe = Pipe()
        standardOutput = pipe
        standardError = errors ?? pipe
        try startAlone()
        return await withCheckedContinuation { waiter in
            Thread.detachNewThread {
                let output = pipe.fileHandleForReading.readDataToEndOfFile()
                try? pipe.fileHandleForReading.close()
                self.waitUntilExit()
                waiter.resume(returning: (self.terminationStatus, String(decoding: output, as: UTF8.self)))
            }
        }
    }
}

/// What the system says of a process, whether or not anybody has taken note of its end.
enum SystemProcess {
    static func isAlive(_ pid: Int32) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else {
            return false
        }
        // After the name, which stands in brackets, comes the state.
        let state = stat.split(separator: ")").last?.trimmingCharacters(in: .whitespaces).first
        return state != "Z" && state != "X"
    }
}
