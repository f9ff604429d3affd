/// Waits, and tells when the waiting task becomes more urgent meanwhile. Where the system does not tell (before macOS 26
/// and its like), nobody is told.
func withUrgency<Answer>(
    _ wait: () async -> Answer, onEscalated: @escaping @Sendable (TaskPriority) -> Void
) async -> Answer {
    if #available(macOS 26, iOS 26, tvOS 26, watchOS 26, visionOS 26, *) {
        return await withTaskPriorityEscalationHandler(operation: wait) { _, priority in onEscalated(priority)
        }
    }
    return await wait()
}
