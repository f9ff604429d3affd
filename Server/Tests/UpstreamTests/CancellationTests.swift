import Generation
import NIOCore
import NIOPosix
import Testing
import Wall

@testable import Upstream

/// An exchange that is cancelled at any moment: while connecting, sending, waiting for the head or for a part of the body,
/// and while its reader works on what it has.
@Suite struct CancellationTests {
    private enum Way: CaseIterable {
        /// Its task is cancelled.
        case task
        /// A token is cancelled, and not the task.
        case token
        /// A token that covers the task is cancelled with it.
        case coveringToken
    }

    private struct Plan {
        let acts: [Wall.Act]
        let way: Way
        let pause: Duration
        let readsSlowly: Bool

        init(seed: UInt64) {
            var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
            func next(_ bound: UInt64) -> UInt64 {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return state % bound
            }
            var acts: [Wall.Act] = [.wait(.microseconds(Int(next(2000))))]
            acts.append(.text("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n"))
            if next(2) == 0 { acts.append(.wait(.microseconds(Int(next(2000))))) }
            acts.append(.text("\r\n"))
            for _ in 0..<4 {
                acts.append(.text("ab"))
                if next(2) == 0 { acts.append(.wait(.microseconds(Int(next(2000))))) }
            }
            if next(3) == 0 { acts = Array(acts.prefix(Int(next(UInt64(acts.count))) + 1)) + [.hang] }
            self.acts = acts
            way = Way.allCases[Int(next(3))]
            pause = .microseconds(Int(next(8000)))
            readsSlowly = next(3) == 0
        }
    }

    /// Draws the body piece by piece; says what came of it.
    private func run(
        _ plan: Plan, _ request: UpstreamRequest, on client: UpstreamClient
    ) async -> Result<String, UpstreamFailure> {
        var text = ""
        do throws(UpstreamFailure) {
            let response = try await client.exchange(request)
            while let bytes = try await response.body.next() {
                text += String(buffer: bytes)
                if plan.readsSlowly { for _ in 0..<50 { await Task.yield() } }
            }
            return .success(text)
        } catch {
            return .failure(error)
        }
    }

    @Test func `an exchange that is cancelled ends at once wherever it stands, or is whole`() async throws {
        let group = MultiThreadedEventLoopGroup.singleton, executors = LoopExecutors(group)
        let client = UpstreamClient(group: group, executors: executors)
        var cancelled = 0
        for seed in 1...300 {
            let plan = Plan(seed: UInt64(seed))
            let token = CancellationToken(coversTask: plan.way == .coveringToken)
            let wall = Wall { _ in plan.acts }, port = try await wall.start()
            let origin = Origin(isSecure: false, host: "127.0.0.1", port: port)
            let head = try #require(PreparedHead(method: "POST", path: "/", origin: origin, fields: []))
            let request = UpstreamRequest(
                origin: origin, head: head, body: [ByteBuffer(string: "{}")], limits: PhaseLimits(),
                cancellation: token)
            let task = Task(executorPreference: executors[group.any()]) {
                await run(plan, request, on: client)
            }
            try await Task.sleep(for: plan.pause)
            let began = ContinuousClock.now
            switch plan.way {
            case .task: task.cancel()
            case .token: token.cancel()
            case .coveringToken:
                task.cancel()
                token.cancel()
            }
            switch await task.value {
            case .success(let text): #expect(text == "abababab", "seed \(seed)")
            case .failure(let failure):
                #expect(failure.cause == .cancelled, "seed \(seed): \(failure)")
                cancelled += 1
                while wall.ledger.openLines > 0, ContinuousClock.now < began + .seconds(2) {
                    try await Task.sleep(for: .milliseconds(1))
                }
                #expect(wall.ledger.openLines == 0, "seed \(seed)")
            }
            #expect(ContinuousClock.now < began + .seconds(2), "seed \(seed)")
            try await wall.stop()
        }
        #expect(cancelled > 60, "only \(cancelled) were still under way")
    }

    @Test func `a token keeps nothing of an exchange that has ended, and another exchange can have it`()
        async throws
    {
        let answer = Answer.response(200, "hello")
        let wall = Wall { $0.number < 2 ? [answer] : [.hang] }, port = try await wall.start()
        let group = MultiThreadedEventLoopGroup.singleton, executors = LoopExecutors(group)
        let client = UpstreamClient(group: group, executors: executors)
        let origin = Origin(isSecure: false, host: "127.0.0.1", port: port)
        let head = try #require(PreparedHead(method: "POST", path: "/", origin: origin, fields: []))
        let token = CancellationToken(coversTask: true)
        @Sendable func ask() async throws {
            let request = UpstreamRequest(
                origin: origin, head: head, body: [], limits: PhaseLimits(), cancellation: token)
            _ = try await client.exchange(request).body.collect()
        }
        weak var first: UpstreamRequest?
        do {
            let request = UpstreamRequest(
                origin: origin, head: head, body: [], limits: PhaseLimits(), cancellation: token)
            first = request
            _ = try await client.exchange(request).body.collect()
        }
        // The loop may still be about to let go of it.
        for _ in 0..<1000 where first != nil { try await Task.sleep(for: .milliseconds(1)) }
        #expect(first == nil)
        try await ask()
        let task = Task { try await ask() }
        while wall.ledger.calls.count < 3 { try await Task.sleep(for: .milliseconds(1)) }
        token.cancel()
        await #expect(throws: UpstreamFailure.self) { try await task.value }
        try await wall.stop()
    }

    @Test func `an exchange whose task or token was cancelled before never waits`() async throws {
        let wall = Wall { _ in [.hang] }, port = try await wall.start()
        let group = MultiThreadedEventLoopGroup.singleton, executors = LoopExecutors(group)
        let client = UpstreamClient(group: group, executors: executors)
        let origin = Origin(isSecure: false, host: "127.0.0.1", port: port)
        let head = try #require(PreparedHead(method: "POST", path: "/", origin: origin, fields: []))
        for way in Way.allCases {
            let token = CancellationToken(coversTask: way == .coveringToken)
            let request = UpstreamRequest(
                origin: origin, head: head, body: [], limits: PhaseLimits(), cancellation: token)
            if way != .task { token.cancel() }
            let task = Task(executorPreference: executors[group.any()]) { () -> UpstreamFailure? in
                while way == .task, !Task.isCancelled { await Task.yield() }
                do throws(UpstreamFailure) { _ = try await client.exchange(request) } catch { return error }
                return nil
            }
            if way == .task { task.cancel() }
            #expect(await task.value?.cause == .cancelled)
        }
        try await wall.stop()
    }
}
