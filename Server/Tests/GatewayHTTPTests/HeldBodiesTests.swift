import Gateway
import NIOCore
import Synchronization
import Testing

@testable import GatewayHTTP

/// What bodies hold of the budget for all, and for how long.
@Suite struct HeldBodiesTests {
    /// What a route does that goes on although its caller has left.
    private final class Work: Sendable {
        private let state = Mutex<(running: Int, waiter: CheckedContinuation<Void, Never>?)>((0, nil))

        var running: Int { state.withLock { $0.running } }

        func run() async {
            await withCheckedContinuation { waiter in state.withLock { $0 = ($0.running + 1, waiter) } }
            state.withLock { $0.running -= 1 }
        }

        func end() { state.withLock { $0.waiter.take() }?.resume() }
    }

    @Test func `a body that a route still holds counts although its caller has left`() async throws {
        let work = Work(), left = Atomic(false)
        let slow = RouteTable.Entry("POST", .exactly("/slow"), .open, maximumBody: 1 << 20) { exchange in
            await withTaskCancellationHandler {
                await work.run()
            } onCancel: {
                left.store(true, ordering: .releasing)
            }
            _ = exchange.body.readableBytes
        }
        let quick = RouteTable.Entry("POST", .exactly("/quick"), .open, maximumBody: 1 << 20) { exchange in
            try? await exchange.reply.send(ReplyHead(200), ByteBuffer())
        }
        let settings = FrontSettings(port: 0, maximumBodiesInFlight: 1 << 20)
        try await FrontStage.run([slow, quick], settings) { port in
            let first = try await FrontCaller(port)
            try await first.post("/slow", bytes: 400 << 10)
            #expect(try await FrontStage.until { work.running == 1 })
            try await first.close()
            #expect(try await FrontStage.until { left.load(ordering: .acquiring) })
            let second = try await FrontCaller(port)
            try await second.post("/quick", bytes: 400 << 10)
            #expect(try await second.status() == 503, "what is still held is given out again")
            work.end()
            #expect(try await FrontStage.until { work.running == 0 })
            let third = try await FrontCaller(port)
            try await third.post("/quick", bytes: 400 << 10)
            #expect(try await third.status() == 200, "it is never given back")
        }
    }

    @Test func `requests in a row on one connection give back what they held`() async throws {
        let quick = RouteTable.Entry("POST", .exactly("/quick"), .open, maximumBody: 1 << 20) { exchange in
            try? await exchange.reply.send(ReplyHead(200), ByteBuffer())
        }
        let settings = FrontSettings(port: 0, maximumBodiesInFlight: 1 << 20)
        try await FrontStage.run([quick], settings) { port in
            let caller = try await FrontCaller(port)
            for number in 1...5 {
                try await caller.post("/quick", bytes: 400 << 10)
                let isAnswered = try await FrontStage.until {
                    caller.received.ranges(of: "HTTP/1.1 200").count == number
                }
                #expect(isAnswered, "request \(number): \(caller.received.suffix(200))")
            }
            let half = try await FrontCaller(port)
            try await half.post("/quick", bytes: 300 << 10, of: 400 << 10)
            try await half.close()
            var statuses: [Int?] = []
            while statuses.last != 200, statuses.count < 100 {
                let next = try await FrontCaller(port)
                try await next.post("/quick", bytes: 400 << 10)
                statuses.append(try await next.status())
            }
            #expect(statuses.last == 200, "what was half sent is never given back")
        }
    }
}
