import NIOCore
import NIOPosix
import Testing

@testable import GatewayHTTP

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Callers that reset their connection while they are answered: NIO reads what is left of it and closes it, all within the
/// write that failed.
@Suite struct ResetCallersTests {
    /// Sends and resets at once, so that the front still reads when nobody is there any more.
    private static func reset(_ port: Int, after text: String) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port).get()
        try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        try? await channel.close()
    }

    @Test(.timeLimit(.minutes(1)))
    func `those that reset while they are refused keep no loop busy, and are counted off once`()
        async throws
    {
        let entry = RouteTable.Entry("GET", .exactly("/ok"), .open) { await $0.sendText("ok\n") }
        // No body is taken: its first chunk is refused, and its end comes in another read.
        let request =
            "GET /ok HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nfa0\r\n"
            + String(repeating: "x", count: 4000) + "\r\n0\r\n\r\n"
        let settings = FrontSettings(port: 0, maximumConnectionsPerAddress: 4)
        try await FrontStage.run([entry], settings) { port in
            for _ in 0..<300 { try await Self.reset(port, after: request) }
            let caller = try await FrontCaller(port)
            try await caller.send("GET /ok HTTP/1.1\r\nhost: localhost\r\n\r\n")
            #expect(try await caller.status() == 200)
            // Of those that stay no more are let in than before.
            var others: [FrontCaller] = []
            for _ in 0..<4 { others.append(try await FrontCaller(port)) }
            #expect(try await FrontStage.until { others.contains { $0.isClosed } })
            for other in others { try await other.close() }
            try await caller.close()
        }
    }
}
