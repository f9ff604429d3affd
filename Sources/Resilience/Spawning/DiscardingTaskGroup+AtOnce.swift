extension DiscardingTaskGroup {
    /// Adds a child task that begins at once, on this thread: waiting for another costs more than most policies do.
    ///
    /// Where the system cannot do so, before macOS 26 and iOS 26, it begins when a thread is free. (That way is compiled,
    /// but was not run: Linux has only the other.)
    @inlinable
    @inline(__always)
    mutating func addTaskAtOnce(_ work: sending @escaping @isolated(any) () async -> Void) {
        if #available(macOS 26, iOS 26, tvOS 26, watchOS 26, visionOS 26, *) {
            addImmediateTask(operation: work)
        } else {
            addTask(operation: work)
        }
    }
}
