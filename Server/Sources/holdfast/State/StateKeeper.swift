import Gateway
import Logging
import Resilience
import Synchronization

/// Looks after what is known of targets once a minute, and keeps it in a file if there is to be one.
final class StateKeeper: Sendable {
    private static let interval = Duration.seconds(60)

    private let file: StateFile?
    private let records: TargetRecords
    private let targets: TargetRegistry
    private let time: TimeSource
    private let logger: Logger
    private let turn = Mutex(Turn())

    /// Whose turn it is to write: one write is at a time, and who waits for its own holds no thread.
    private struct Turn {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// Why the latest write failed; nil if it did not.
        var failure: String?
    }

    init(
        _ path: String?, records: TargetRecords, targets: TargetRegistry, time: TimeSource, logger: Logger
    ) {
        file = path.map(StateFile.init)
        self.records = records
        self.targets = targets
        self.time = time
        self.logger = logger
    }

    /// Takes over what an earlier process knew. A file that cannot be read is named and put aside.
    func restore() {
        guard let file else { return }
        do throws(StateFile.Problem) {
            if let snapshot = try file.read() { records.restore(snapshot) }
        } catch {
            let aside = error.isForeign ? file.putAside() : nil
            logger.warning(
                "the state file is not used: \(error.text)",
                metadata: ["file": "\(file.path)", "kept_as": "\(aside ?? "-")"])
        }
    }

    /// Works until the task is cancelled. Writes at once, so that a place that cannot be written to is known soon.
    func run() async {
        repeat { await save() } while (try? await time.sleep(for: Self.interval)) != nil
    }

    /// Looks how each target is, and writes the file if there is to be one. What goes wrong is logged when it begins and when
    /// it changes, and tried again the next time.
    func save() async {
        records.look(at: targets.all)
        guard let file else { return }
        await takeTurn()
        var problem: String?
        do throws(StateFile.Problem) { try file.write(records.snapshot) } catch { problem = error.text }
        let before = passTurn(problem)
        if let problem, problem != before {
            logger.warning(
                "the state file is not written: \(problem)", metadata: ["file": "\(file.path)"])
        } else if problem == nil, before != nil {
            logger.notice("the state file is written again", metadata: ["file": "\(file.path)"])
        }
    }

    private func takeTurn() async {
        await withCheckedContinuation { continuation in
            let isFree = turn.withLock { turn in
                if turn.isTaken { turn.waiting.append(continuation) }
                defer { turn.isTaken = true }
                return !turn.isTaken
            }
            if isFree { continuation.resume() }
        }
    }

    /// - Returns: Why the write before this one failed, if it did.
    private func passTurn(_ failure: String?) -> String? {
        let (before, next) = turn.withLock { turn in
            let before = turn.failure
            turn.failure = failure
            let next = turn.waiting.isEmpty ? nil : turn.waiting.removeFirst()
            turn.isTaken = next != nil
            return (before, next)
        }
        next?.resume()
        return before
    }
}
