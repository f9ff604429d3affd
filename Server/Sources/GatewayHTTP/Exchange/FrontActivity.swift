import Synchronization

/// How many requests run, and whether the end is near.
public final class FrontActivity: Sendable {
    private let running = Atomic(0)
    private let draining = Atomic(false)
    private let waiter = Mutex<CheckedContinuation<Void, Never>?>(nil)

    /// Creates one in which nothing goes on.
    public init() {}

    /// Whether no new work should be sent here.
    public var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// The requests that run now.
    public var requests: Int { running.load(ordering: .sequentiallyConsistent) }

    func began() {
        running.wrappingAdd(1, ordering: .relaxed)
    }

    func ended() {
        // Who drains first says so and then counts; who ends first counts and then looks: one of the two sees the other.
        let left = running.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
        if left == 0, draining.load(ordering: .sequentiallyConsistent) { resumeWaiter() }
    }

    /// Says that the end is near; connections are closed after the reply that they owe.
    public func drain() {
        draining.store(true, ordering: .sequentiallyConsistent)
    }

    /// Waits until no request runs.
    public func untilQuiet() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiter.withLock { $0 = continuation }
                if requests == 0 || Task.isCancelled { resumeWaiter() }
            }
        } onCancel: {
            resumeWaiter()
        }
    }

    private func resumeWaiter() {
        waiter.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }?.resume()
    }
}
