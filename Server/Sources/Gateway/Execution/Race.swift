import Generation
import Synchronization

/// An attempt beside which another may be made, as the other sees it.
final class Race: Sendable {
    /// Ends the first attempt when the other has answered.
    let call = CancellationToken()
    private let lesson = Mutex<Lesson?>(nil)

    /// The first attempt is made.
    func began(_ lesson: Lesson) { self.lesson.withLock { $0 = lesson } }

    /// Whether another one is of use: the first has brought nothing yet.
    var isOpen: Bool { lesson.withLock { $0 }?.awaitsFirstToken ?? false }
}
