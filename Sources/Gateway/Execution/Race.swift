import Synchronization

/// Two attempts beside each other, of which the first answer wins.
final class Race: Sendable {
    private struct State {
        var hasHedge = false
        var firstLesson: Lesson?
        var others: [Opening] = []
    }

    private let state = Mutex(State())

    /// The first attempt is made.
    func began(_ lesson: Lesson) { state.withLock { $0.firstLesson = lesson } }

    /// Whether a hedge is of use: the first attempt has brought nothing yet.
    var isOpen: Bool { state.withLock { $0.firstLesson }.map { !$0.hasFirstToken } ?? false }

    /// A second attempt is made.
    func hedged() { state.withLock { $0.hasHedge = true } }

    /// Whether `opening` decides the race: an answer does, and a failure if there is no other attempt.
    func isDecided(by opening: Opening?) -> Bool {
        guard let opening else { return false }
        return opening.isAnswer || !state.withLock { $0.hasHedge }
    }

    /// Keeps what did not win.
    func keep(_ opening: Opening?) {
        guard let opening else { return }
        state.withLock { $0.others.append(opening) }
    }

    /// What did not win.
    var others: [Opening] { state.withLock { $0.others } }
}
