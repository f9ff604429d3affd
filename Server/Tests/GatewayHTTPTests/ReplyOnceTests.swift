import Gateway
import NIOCore
import Synchronization
import Testing

@testable import GatewayHTTP

/// A reply that is complete takes nothing more.
@Suite struct ReplyOnceTests {
    @Test(arguments: [true, false])
    func `what is written behind the end of a reply is refused, and the caller sees nothing of it`(
        isWhole: Bool
    ) async throws {
        let refusals = Atomic(0)
        let entry = RouteTable.Entry("GET", .exactly("/twice"), .open) { exchange in
            let reply = exchange.reply, part = ByteBuffer(string: "part")
            try? await isWhole ? reply.send(ReplyHead(200), part) : reply.begin(ReplyHead(200))
            if !isWhole { try? await reply.end(part) }
            for isLast in [false, true] {
                do { try await isLast ? reply.end(part) : reply.write(part) } catch {
                    refusals.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
        try await FrontStage.run([entry]) { port in
            let caller = try await FrontCaller(port)
            try await caller.send("GET /twice HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            #expect(try await FrontStage.until { caller.isClosed })
            #expect(refusals.load(ordering: .relaxed) == 2)
            #expect(caller.received.ranges(of: "part").count == 1, "\(caller.received)")
        }
    }
}
