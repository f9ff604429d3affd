import Generation
import NIOCore
import Synchronization
import Testing

@testable import GatewayHTTP

@Suite struct CallerLeavesTests {
    private final class Ended: Sendable {
        private let count = Atomic(0)
        var isOnce: Bool { count.load(ordering: .acquiring) == 1 }
        func end() { count.add(1, ordering: .releasing) }
    }

    @Test func `when the caller leaves, its token is cancelled and covers its task`() async throws {
        let began = Ended(), ended = Ended()
        let slow = RouteTable.Entry("POST", .exactly("/slow"), .open, maximumBody: 1 << 20) { exchange in
            guard let cancellation = exchange.cancellation, cancellation.coversTask else { return }
            began.end()
            // Nothing here watches the task.
            await withUnsafeContinuation { waiter in cancellation.onCancel { waiter.resume() } }
            if Task.isCancelled { ended.end() }
        }
        try await FrontStage.run([slow]) { port in
            let caller = try await FrontCaller(port)
            try await caller.post("/slow", bytes: 2)
            #expect(try await FrontStage.until { began.isOnce })
            try await caller.close()
            #expect(try await FrontStage.until { ended.isOnce })
        }
    }
}
