import NIOCore
import NIOPosix
import Testing

@testable import GatewayHTTP

/// What a front does with connections as such.
@Suite struct ListenerTests {
    private static let entry = RouteTable.Entry("GET", .exactly("/it"), .open) { exchange in
        try? await exchange.reply.send(ReplyHead(200), ByteBuffer())
    }
    private static let request = "GET /it HTTP/1.1\r\nhost: localhost\r\n\r\n"

    @Test func `a connection above the limit waits until another one has closed`() async throws {
        try await FrontStage.run([Self.entry], FrontSettings(port: 0, maximumConnections: 2)) { port in
            var callers: [FrontCaller] = []
            for _ in 0..<2 {
                let caller = try await FrontCaller(port)
                try await caller.send(Self.request)
                #expect(try await caller.status() == 200)
                callers.append(caller)
            }
            let late = try await FrontCaller(port)
            try await late.send(Self.request)
            try await Task.sleep(for: .milliseconds(200))
            #expect(late.received.isEmpty && !late.isClosed)
            try await callers[0].close()
            #expect(try await late.status() == 200)
        }
    }

    @Test func `a connection above the limit of its address is closed`() async throws {
        let settings = FrontSettings(port: 0, maximumConnectionsPerAddress: 1)
        try await FrontStage.run([Self.entry], settings) { port in
            let first = try await FrontCaller(port)
            try await first.send(Self.request)
            #expect(try await first.status() == 200)
            let second = try await FrontCaller(port)
            #expect(try await FrontStage.until { second.isClosed })
            #expect(second.received.isEmpty)
        }
    }

    @Test func `the end of a front closes the connections that are open`() async throws {
        var caller: FrontCaller?
        try await FrontStage.run([Self.entry]) { port in
            caller = try await FrontCaller(port)
            try await caller?.send(Self.request)
            #expect(try await caller?.status() == 200)
        }
        #expect(try await FrontStage.until { caller?.isClosed ?? false })
    }

    @Test func `a port that another front has cannot be listened at`() async throws {
        try await FrontStage.run([Self.entry]) { port in
            await #expect(throws: IOError.self) {
                try await FrontStage.run([Self.entry], FrontSettings(port: port)) { _ in }
            }
        }
    }

    @Test func `a front that is stopped before it runs ends at once`() async throws {
        let listener = Listener(FrontSettings(port: 0), group: MultiThreadedEventLoopGroup.singleton) {
            $0.eventLoop.makeSucceededVoidFuture()
        }
        listener.stop()
        try await listener.run { _ in Issue.record("it listens") }
    }
}
