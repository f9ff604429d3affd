/// Where the lines about requests go, and what they look like.
public struct AccessLogOutlet: Sendable {
    /// The form of a line.
    public enum Form: Sendable, Hashable {
        /// For programs.
        case json
        /// For people.
        case text
    }

    let form: Form
    let wallClock: @Sendable () -> Int64
    let take: @Sendable (UnsafeRawBufferPointer, Int) -> Void

    /// Creates an outlet.
    ///
    /// - Parameters:
    ///   - wallClock: The present time in milliseconds since 1970.
    ///   - take: Gets whole lines, each with its end, and how many there are. Called on event loops: it must not wait.
    public init(
        _ form: Form, wallClock: @escaping @Sendable () -> Int64,
        take: @escaping @Sendable (_ bytes: UnsafeRawBufferPointer, _ lines: Int) -> Void
    ) {
        self.form = form
        self.wallClock = wallClock
        self.take = take
    }
}
