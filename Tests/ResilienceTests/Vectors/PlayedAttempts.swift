import Synchronization

@testable import Resilience

/// One attempt of a vector: how long it takes, what it ends with, and whether it notices that it is cancelled.
struct PlayedAttempt: Sendable {
    var duration = Duration.zero
    var outcome = Outcome.value("success")
    var value = JSON.null
    var ignoresCancellation = false

    init(_ step: Fields) throws {
        duration = try step.duration("duration_ms") ?? .zero
        outcome = try step["outcome"]?.outcome() ?? outcome
        value = step["value"]?.all ?? .null
        ignoresCancellation = try step.bool("ignores_cancellation") ?? false
    }

    init(_ outcome: Outcome, after duration: Duration = .zero) {
        self.outcome = outcome
        self.duration = duration
    }
}

/// The attempts of one call: what they do, and what was seen of them.
final class PlayedAttempts: Sendable {
    struct Seen {
        var starts: [Instant] = []
        var running: Set<Int> = []
        var mostRunning = 0
        /// The attempts that were cancelled.
        var cancelled: [Int] = []
        var cancelsAt: Int?
        /// Whether the caller was cancelled while the attempt ran that it was to be cancelled in.
        var isCancelled = false
    }

    /// Thrown instead of going on for ever.
    struct Endless: Error {}

    private static let most = 10_000
    private let script: [PlayedAttempt]
    private let stage: Stage
    private let seen = Mutex(Seen())
    private let onTurn = Mutex<@Sendable () -> Void>({})

    /// - Parameter script: What the attempts do in their order; the last goes for all that follow.
    init(_ script: [PlayedAttempt], _ stage: Stage) {
        self.script = script
        self.stage = stage
    }

    var all: Seen { seen.withLock { $0 } }

    /// Cancels the caller by `cancel` when the attempt of that number begins.
    func cancel(at attempt: Int, by cancel: @escaping @Sendable () -> Void) {
        seen.withLock { $0.cancelsAt = attempt }
        onTurn.withLock { $0 = cancel }
    }

    /// What the attempt of that number yields, by the script.
    func line(_ number: Int) -> PlayedAttempt? {
        script.isEmpty ? nil : script[min(number, script.count - 1)]
    }

    /// Does what the next attempt does.
    ///
    /// - Returns: Its number.
    func run() async throws -> Int {
        let now = stage.now
        let (number, cancels) = seen.withLock { seen in
            let number = seen.starts.count
            seen.starts.append(now)
            seen.running.insert(number)
            seen.mostRunning = max(seen.mostRunning, seen.running.count)
            let cancels = seen.cancelsAt == number
            if cancels { seen.isCancelled = true }
            return (number, cancels)
        }
        defer { seen.withLock { _ = $0.running.remove(number) } }
        guard number < Self.most, let line = line(number) else { throw Endless() }
        if cancels { onTurn.withLock { $0 }() }
        try await wait(line, number)
        if case .error(var error) = line.outcome {
            error.number = number
            throw error
        }
        _ = try line.outcome.get()
        return number
    }

    private func wait(_ line: PlayedAttempt, _ number: Int) async throws {
        guard line.duration > .zero else { return }
        let time = stage.time
        if line.ignoresCancellation {
            // Somebody else sleeps, who is not cancelled.
            let gate = Gate()
            _ = stage.start {
                try await time.sleep(for: line.duration)
                gate.open(.value("over"))
            }
            await gate.waitThroughCancellation()
            if Task.isCancelled { note(cancelled: number) }
        } else {
            do { try await time.sleep(for: line.duration) } catch {
                note(cancelled: number)
                throw error
            }
        }
    }

    private func note(cancelled number: Int) { seen.withLock { $0.cancelled.append(number) } }
}
