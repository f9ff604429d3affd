import NIOCore

/// Whether a body comes fast enough: at a least rate over the last seconds, and within a time for the whole of it.
///
/// The rate is that of the last seconds, since one of the whole body could be bought in advance: who sent 20 MiB at once
/// could be silent for hours.
struct BodyPace {
    /// What is wrong with a body's pace.
    enum Fault {
        case tooSlow
        case tooLong
    }

    /// What had come by some moment.
    private struct Mark {
        var at: NIODeadline
        var bytes: Int
    }

    /// The marks that are kept for one window, which bounds them however often the body is looked at.
    private static let marksInWindow: Int64 = 16

    private let begunAt: NIODeadline
    /// The last moment that lies a whole window back, or the beginning.
    private var base: Mark
    /// What came since, a fraction of the window apart.
    private var marks: [Mark] = []

    init(at now: NIODeadline) {
        begunAt = now
        base = Mark(at: now, bytes: 0)
    }

    /// Looks at the body.
    ///
    /// - Parameter received: The bytes that have come in all.
    mutating func check(at now: NIODeadline, received: Int, _ settings: FrontSettings) -> Fault? {
        if now - begunAt > settings.bodyTime.amount { return .tooLong }
        let window = settings.bodyWindow.amount
        while let first = marks.first, now - first.at >= window {
            base = first
            marks.removeFirst()
        }
        if now - base.at >= window, received - base.bytes < settings.minimumBodyInWindow { return .tooSlow }
        let step = TimeAmount.nanoseconds(window.nanoseconds / Self.marksInWindow)
        if now - (marks.last ?? base).at >= step { marks.append(Mark(at: now, bytes: received)) }
        return nil
    }
}
