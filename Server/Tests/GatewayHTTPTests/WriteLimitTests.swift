import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GatewayHTTP

/// A caller that never reads (F54). The limit is a minute and no setting, so it is the front itself that is tested.
@Suite struct WriteLimitTests {
    /// What a route that never ends its reply could write, and when it had to stop.
    private final class Progress: Sendable {
        private let state = Mutex<(bytes: Int, endedAt: ContinuousClock.Instant?)>((0, nil))

        var bytes: Int { state.withLock { $0.bytes } }
        var endedAt: ContinuousClock.Instant? { state.withLock { $0.endedAt } }
        func wrote(_ count: Int) { state.withLock { $0.bytes += count } }
        func ended() { state.withLock { $0.endedAt = .now } }
    }

    private static func endless(_ progress: Progress) -> RouteTable.Entry {
        RouteTable.Entry("GET", .exactly("/endless"), .open) { exchange in
            let part = ByteBuffer(repeating: 0x61, count: 64 * 1024)
            do {
                try await exchange.reply.begin(ReplyHead(200))
                while true {
                    try await exchange.reply.write(part)
                    progress.wrote(part.readableBytes)
                }
            } catch {
                progress.ended()
            }
        }
    }

    /// How long the route could run for a caller that reads nothing; nil if it still does after `limit`.
    private static func time(writeTime: Duration, within limit: Duration) async throws -> (
        time: Duration?, bytes: Int
    ) {
        let progress = Progress()
        var begun = ContinuousClock.now
        let settings = FrontSettings(port: 0, writeTime: writeTime)
        try await FrontStage.run([endless(progress)], settings) { port in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.autoRead, value: false)
                .connect(host: "127.0.0.1", port: port).get()
            // On a machine that is busy the front may be slow to start.
            begun = .now
            try await channel.writeAndFlush(
                ByteBuffer(string: "GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n"))
            while progress.endedAt == nil, ContinuousClock.now - begun < limit {
                try await Task.sleep(for: .milliseconds(20))
            }
            try? await channel.close()
        }
        let time = progress.endedAt.map { $0 - begun }
        return (time.flatMap { $0 < limit ? $0 : nil }, progress.bytes)
    }

    @Test
    func `F54: a caller that never reads is closed at the limit for writing, and costs little until then`()
        async throws
    {
        let (time, bytes) = try await Self.time(writeTime: .seconds(1), within: .seconds(40))
        let took = try #require(time, "it was not closed")
        // Connections are looked at once a second.
        #expect(took > .seconds(1) && took < .seconds(30), "it was closed after \(took)")
        #expect(bytes < 32 << 20, "\(bytes) bytes were taken from the route")
    }

    @Test func `F54: control: with a later limit the caller is not closed`() async throws {
        let (time, _) = try await Self.time(writeTime: .seconds(60), within: .seconds(4))
        #expect(time == nil)
    }
}
