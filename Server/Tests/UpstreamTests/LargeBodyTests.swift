import Generation
import NIOCore
import NIOPosix
import Testing

@testable import Upstream

@Suite struct LargeBodyTests {
    /// Where work on a body of so many bytes is done, asked on an event loop: there, and what comes after it.
    private func places(_ count: Int) async throws -> (work: Bool, after: Bool) {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next(), executors = LoopExecutors(group)
        let places = await withTaskExecutorPreference(executors[loop]) {
            await Self.read(count, on: loop)
        }
        try await group.shutdownGracefully()
        return places
    }

    @concurrent private static func read(_ count: Int, on loop: any EventLoop) async -> (Bool, Bool) {
        let work = await LargeBody.read(count) { loop.inEventLoop }
        return (work, loop.inEventLoop)
    }

    @Test(arguments: [
        (0, true), (LargeBody.threshold, true), (LargeBody.threshold + 1, false), (20 << 20, false),
    ])
    func `only long bodies are read off the event loop, and their task comes back to it`(
        count: Int, stays: Bool
    )
        async throws
    {
        let places = try await places(count)
        #expect(places.work == stays)
        #expect(places.after)
    }

    @Test func `what reading throws is thrown`() async {
        struct Wrong: Error {}
        await #expect(throws: Wrong.self) {
            try await LargeBody.read(1 << 20) { () throws(Wrong) -> Int in throw Wrong() }
        }
    }
}
