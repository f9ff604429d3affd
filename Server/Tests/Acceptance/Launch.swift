import Foundation
import Synchronization

extension Process {
    private static let launching = Mutex(())

    /// Starts it, one at a time: a process that is born while another one is being started inherits the socket by which
    /// the other's end is noticed, and hides that end for as long as it lives itself.
    func startAlone() throws {
        try Self.launching.withLock { _ in try run() }
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
