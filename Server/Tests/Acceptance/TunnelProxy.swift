import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// An HTTP proxy that answers CONNECT, and sends every tunnel to one port of this machine.
final class TunnelProxy: Sendable {
    /// What it does with a request for a tunnel.
    enum Conduct: Sendable {
        case open
        /// Answers with these bytes.
        case say(String)
        /// Says nothing.
        case hang
    }

    private let channel: any Channel
    private let heads: Heads

    private final class Heads: Sendable {
        let all = Mutex<[String]>([])
    }

    init(to port: Int, _ conduct: Conduct = .open) async throws {
        let heads = Heads()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Door(port, conduct) { head in heads.all.withLock { $0.append(head) } })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.heads = heads
    }

    deinit { channel.close(promise: nil) }

    var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }

    /// The requests for tunnels.
    var requests: [String] { heads.all.withLock { $0 } }

    /// Reads the request, then opens the tunnel.
    private final class Door: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let port: Int
        private let conduct: Conduct
        private let note: (String) -> Void
        private var head = ""
        private var other: (any Channel)?
        private var waiting = ByteBuffer()

        init(_ port: Int, _ conduct: Conduct, _ note: @escaping (String) -> Void) {
            (self.port, self.conduct, self.note) = (port, conduct, note)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            if let other {
                other.writeAndFlush(bytes, promise: nil)
                return
            }
            guard !head.hasSuffix("\r\n\r\n") else {
                waiting.writeBuffer(&bytes)
                return
            }
            head += String(buffer: bytes)
            guard head.hasSuffix("\r\n\r\n") else { return }
            note(head)
            switch conduct {
            case .open: open(context)
            case .say(let words): context.writeAndFlush(NIOAny(ByteBuffer(string: words)), promise: nil)
            case .hang: break
            }
        }

        private func open(_ context: ChannelHandlerContext) {
            let near = context.channel, context = NIOLoopBound(context, eventLoop: context.eventLoop)
            let bound = NIOLoopBound(self, eventLoop: near.eventLoop)
            ClientBootstrap(group: near.eventLoop)
                .channelInitializer { $0.pipeline.addHandler(Back(near)) }
                .connect(host: "127.0.0.1", port: port)
                .whenSuccess { far in
                    bound.value.other = far
                    let answer = ByteBuffer(string: "HTTP/1.1 200 Connection established\r\n\r\n")
                    context.value.writeAndFlush(NIOAny(answer), promise: nil)
                }
        }

        func channelInactive(context: ChannelHandlerContext) { other?.close(promise: nil) }
    }

    /// Brings back what the other end says.
    private final class Back: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let near: any Channel

        init(_ near: any Channel) { self.near = near }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            near.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { near.close(promise: nil) }
    }
}
