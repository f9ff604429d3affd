import Synchronization

/// Ends one call from outside, when its answer is not wanted any more. Cancelling a task would end all that it does.
public final class CancellationToken: Sendable {
    private struct State {
        var isCancelled = false
        var isOver = false
        var action: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// Creates a token.
    public init() {}

    /// Does what the call has asked for, once.
    public func cancel() {
        let action = state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.isOver else { return nil }
            state.isCancelled = true
            return state.action.take()
        }
        action?()
    }

    /// The call's answer is wanted now: cancelling does nothing any more.
    ///
    /// - Returns: False if it was cancelled before, so that what follows of the answer may be missing.
    public func close() -> Bool {
        state.withLock { state in
            state.isOver = true
            state.action = nil
            return !state.isCancelled
        }
    }

    /// Has `action` done when the token is cancelled, in place of what was asked for before; at once if it is already. May
    /// be called on any thread; must be quick, and harmless after the end of the call.
    public func onCancel(_ action: @escaping @Sendable () -> Void) {
        let isCancelled = state.withLock { state in
            if !state.isCancelled, !state.isOver { state.action = action }
            return state.isCancelled
        }
        if isCancelled { action() }
    }
}
