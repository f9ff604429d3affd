import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Upstream

@Suite struct LoopExecutorTests {
    /// What was done, in order. Used on one event loop only.
    private final class Notes: @unchecked Sendable {
        var lines: [String] = []
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    private final class Counter: Sendable {
        private let value = Atomic(0)
        var count: Int { value.load(ordering: .relaxed) }
        func add() { value.add(1, ordering: .relaxed) }
    }

    /// Runs `body` on an event loop, with that loop's executor.
    private func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (any EventLoop, LoopExecutor) throws -> Value
    ) async throws -> Value {
        let loop = MultiThreadedEventLoopGroup.singleton.any(), executor = LoopExecutor(loop)
        return try await loop.submit { try body(loop, executor) }.get()
    }

    @Test func `a task that becomes ready while work is done runs at its end, and not before`() async throws {
        let notes = Notes()
        let lines = try await onLoop { _, executor in
            Task.immediate(executorPreference: executor) {
                await withUnsafeContinuation { notes.waiters.append($0) }
                notes.lines.append("task")
            }
            executor.collecting {
                notes.waiters[0].resume()
                notes.lines.append("work")
            }
            notes.lines.append("after")
            return notes.lines
        }
        #expect(lines == ["work", "task", "after"])
    }

    @Test func `work within work runs nothing by itself`() async throws {
        let notes = Notes()
        let lines = try await onLoop { _, executor in
            Task.immediate(executorPreference: executor) {
                await withUnsafeContinuation { notes.waiters.append($0) }
                notes.lines.append("task")
            }
            executor.collecting {
                executor.collecting { notes.waiters[0].resume() }
                notes.lines.append("work")
            }
            return notes.lines
        }
        #expect(lines == ["work", "task"])
    }

    @Test func `tasks that wake each other without end do not keep the loop`() async throws {
        let turns = Counter()
        let inTurn = try await onLoop { _, executor in
            executor.collecting {
                Task(executorPreference: executor) {
                    while turns.count < 1000 {
                        turns.add()
                        await Task.yield()
                    }
                }
            }
            return turns.count
        }
        #expect((1...64).contains(inTurn))
        while turns.count < 1000 { await Task.yield() }
    }

    @Test func `what is ready outside of any work runs by way of the loop`() async throws {
        let ran = Counter()
        let before = try await onLoop { _, executor in
            Task(executorPreference: executor) { ran.add() }
            return ran.count
        }
        #expect(before == 0)
        while ran.count == 0 { await Task.yield() }
    }
}
