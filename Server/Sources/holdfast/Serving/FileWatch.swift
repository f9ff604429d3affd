import Foundation
import Resilience

/// Tells when a file has changed and has then been left alone for a moment, so that one that is being written is not
/// read in the middle.
struct FileWatch {
    /// What changes when a file does.
    private struct Mark: Equatable {
        var seconds: Int64
        var nanoseconds: Int64
        var size: Int64
        var inode: UInt64
    }

    private static let interval = Duration.seconds(1)

    private let path: String
    private let time: TimeSource

    init(_ path: String, time: TimeSource) {
        self.path = path
        self.time = time
    }

    /// Watches until the task is cancelled.
    func run(_ changed: () -> Void) async {
        var known = mark, last = known
        while (try? await time.sleep(for: Self.interval)) != nil {
            let now = mark
            if now != known, now == last, now != nil {
                known = now
                changed()
            }
            last = now
        }
    }

    /// Nil if there is no such file. A link counts as itself, not as what it leads to.
    private var mark: Mark? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return nil }
        #if canImport(Glibc)
            let modified = facts.st_mtim
        #else
            let modified = facts.st_mtimespec
        #endif
        return Mark(
            seconds: Int64(modified.tv_sec), nanoseconds: Int64(modified.tv_nsec), size: Int64(facts.st_size),
            inode: UInt64(facts.st_ino))
    }
}
