import NIOCore

/// The proxy did not open a tunnel.
struct TunnelRefused: Error {
    /// The proxy's status, if it gave one.
    var status: Int?
}

/// Asks a proxy for a tunnel and then gets out of the way: the first handler of a channel's pipeline until the proxy has
/// agreed. The limit for connecting covers it.
final class Tunnel: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The longest answer of a proxy. 16 KiB.
    private static let maximumHead = 16 * 1024

    private let request: ByteBuffer
    private let onOpen: (ChannelHandlerContext) throws -> Void
    private var head: [UInt8] = []

    /// - Parameter onOpen: Completes the pipeline when the tunnel is open.
    init(to origin: Origin, by proxy: Proxy, onOpen: @escaping (ChannelHandlerContext) throws -> Void) {
        let target = (origin.host.contains(":") ? "[\(origin.host)]" : origin.host) + ":\(origin.port)"
        let authorization = proxy.authorization.map { "proxy-authorization: \($0)\r\n" } ?? ""
        request = ByteBuffer(
            string: "CONNECT \(target) HTTP/1.1\r\nhost: \(target)\r\n\(authorization)\r\n")
        self.onOpen = onOpen
    }

    func channelActive(context: ChannelHandlerContext) {
        // By this the connection learns which of the channels that are tried is its own.
        context.fireChannelActive()
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        head += unwrapInboundIn(data).readableBytesView
        guard head.suffix(4).elementsEqual([13, 10, 13, 10]) else {
            // A tunnel carries nothing before we have begun to speak: more than a head is no tunnel.
            if head.count > Self.maximumHead { refuse(context) }
            return
        }
        let line = String(decoding: head.prefix { $0 != 13 }, as: UTF8.self).split(separator: " ")
        guard line.count >= 2, line[0].hasPrefix("HTTP/1."), let status = Int(line[1]) else {
            return refuse(context)
        }
        guard (200...299).contains(status) else { return refuse(context, status) }
        do { try onOpen(context) } catch { return context.fireErrorCaught(error) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func refuse(_ context: ChannelHandlerContext, _ status: Int? = nil) {
        context.fireErrorCaught(TunnelRefused(status: status))
    }
}
