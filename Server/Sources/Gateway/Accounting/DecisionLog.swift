public import Generation
import Synchronization

/// The latest decisions, in memory: a ring that forgets the oldest.
public final class DecisionLog: Sendable {
    private struct State {
        var ring: [Decision] = []
        var next = 0

        /// Looked for, the latest first, since few are ever asked about: a table of places would cost every request.
        func place(of id: RequestID) -> Int? {
            ring[..<next].lastIndex { $0.id == id } ?? ring[next...].lastIndex { $0.id == id }
        }
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// Creates a log that keeps `capacity` decisions.
    public init(capacity: Int) {
        self.capacity = max(1, capacity)
        state.withLock { $0.ring.reserveCapacity(min(self.capacity, 4096)) }
    }

    func append(_ decision: Decision) {
        state.withLock { state in
            if state.ring.count < capacity {
                state.ring.append(decision)
            } else {
                state.ring[state.next] = decision
                state.next = (state.next + 1) % capacity
            }
        }
    }

    /// Changes the decision about a request.
    ///
    /// - Returns: Nil if it has not ended or is forgotten.
    func change<Result: Sendable>(_ id: RequestID, _ body: (inout Decision) -> Result) -> Result? {
        state.withLock { state in state.place(of: id).map { body(&state.ring[$0]) } }
    }

    /// The decision about a request, if it has ended and is not forgotten.
    public subscript(id: RequestID) -> Decision? {
        state.withLock { state in state.place(of: id).map { state.ring[$0] } }
    }
}
