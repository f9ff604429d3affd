import Foundation
import Resilience

/// Tells when a file has changed and has then been left alone for a moment, so that one that is being written is not
/// read in the middle.
struct FileWatch {
    private struct Mark: Equatable {
        var modified: Date?
        var size: UInt64?
        var inode: UInt64?
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
            if now != known, now == last, now.size != nil {
                known = now
                changed()
            }
            last = now
        }
    }

    private var mark: Mark {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return Mark(
            modified: attributes?[.modificationDate] as? Date, size: attributes?[.size] as? UInt64,
            inode: attributes?[.systemFileNumber] as? UInt64)
    }
}
