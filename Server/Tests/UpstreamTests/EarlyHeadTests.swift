import Generation
import HTTPMessage
import NIOCore
import NIOPosix
import Testing

@testable import Upstream

/// A provider that answers before it has read the request, and then says nothing.
@Suite struct EarlyHeadTests {
    private final class Impatient: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(
                NIOAny(ByteBuffer(string: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")),
                promise: nil)
        }
    }

    @Test func `the limit for the first token holds although the request is still being sent`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1), executors = LoopExecutors(group)
        let server = try await ServerBootstrap(group: group)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Impatient())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let origin = Origin(isSecure: false, host: "127.0.0.1", port: server.localAddress?.port ?? 0)
        let head = try #require(PreparedHead(method: "POST", path: "/", origin: origin, fields: []))
        // More than the system takes over from either side.
        let body = ByteBuffer(repeating: 0x61, count: 32 << 20)
        let client = UpstreamClient(group: group, executors: executors), began = ContinuousClock.now
        let failure = await withTaskExecutorPreference(executors[group.next()]) { () -> UpstreamFailure? in
            let request = UpstreamRequest(
                origin: origin, head: head, body: [body],
                limits: PhaseLimits(head: .seconds(20), firstToken: .milliseconds(300), total: .seconds(20)),
                readerTellsProgress: true)
            do throws(UpstreamFailure) {
                _ = try await client.exchange(request).body.next()
                return nil
            } catch { return error }
        }
        #expect(failure?.cause == .timedOut && failure?.phase == .firstToken)
        #expect(ContinuousClock.now - began < .seconds(10), "it was the limit of the whole")
        try await server.close()
        try await group.shutdownGracefully()
    }
}
