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

extension Opening.Result {
    /// Keeps the other attempt from ending this one, whose stream has begun. If it has done so just now, although the
    /// beginning was there already, there is no rest to come, and the other one's answer counts.
    mutating func keep(in race: Race) {
        guard case .stream(let stream, _) = self, !race.call.close() else { return }
        stream.cancel()
        self = .failed(
            AttemptFailure(
                .systemError, cause: "cancelled", phase: .body, message: "another target has answered"),
            nil)
    }
}
