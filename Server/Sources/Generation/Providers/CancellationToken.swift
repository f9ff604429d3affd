import Synchronization

/// Ends one call from outside, when its answer is not wanted any more. Cancelling a task would end all that it does.
public final class CancellationToken: Sendable {
    private struct State {
        var isCancelled = false
        var isOver = false
        var action: (@Sendable () -> Void)?
        /// Who asked for it.
        var owner: ObjectIdentifier?
    }

    private let state = Mutex(State())
    /// Whether it is cancelled whenever the task that makes the call is. Then the call needs not watch its task, which costs
    /// more than all else that a wait does.
    public let coversTask: Bool

    /// Creates a token.
    public init(coversTask: Bool = false) {
        self.coversTask = coversTask
    }

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
    ///
    /// - Parameter owner: Who can have it forgotten: until then the token keeps what `action` holds.
    public func onCancel(of owner: AnyObject? = nil, _ action: @escaping @Sendable () -> Void) {
        let isCancelled = state.withLock { state in
            if !state.isCancelled, !state.isOver {
                state.action = action
                state.owner = owner.map(ObjectIdentifier.init)
            }
            return state.isCancelled
        }
        if isCancelled { action() }
    }

    /// Forgets what `owner` asked for, unless another has asked since.
    public func forget(_ owner: AnyObject) {
        let forgotten = state.withLock { state in
            state.owner == ObjectIdentifier(owner) ? state.action.take() : nil
        }
        // It may be the last that holds something: that goes outside the lock.
        _ = forgotten
    }
}
