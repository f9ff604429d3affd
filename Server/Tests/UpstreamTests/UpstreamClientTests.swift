import Foundation
import Generation
import HTTPMessage
import NIOCore
import NIOPosix
import Testing
import Wall

@testable import Upstream

/// The client against a real socket whose every byte is scripted.
@Suite struct UpstreamClientTests {
    private struct Setting {
        let client: UpstreamClient
        let executor: any TaskExecutor

        init() {
            let group = MultiThreadedEventLoopGroup.singleton, executors = LoopExecutors(group)
            client = UpstreamClient(group: group, executors: executors)
            executor = executors[group.any()]
        }

        /// Sends a request on an event loop and gives back the status and the body.
        func exchange(
            _ port: Int, limits: PhaseLimits = PhaseLimits(), isSafeToRepeat: Bool = false,
            maximumBody: Int = 1 << 20,
            mayResend: @escaping @Sendable () -> Bool = { true }
        ) async throws(UpstreamFailure) -> (Int, String) {
            let result = await withTaskExecutorPreference(executor) {
                () async -> Result<(Int, String), UpstreamFailure> in
                let origin = Origin(isSecure: false, host: "127.0.0.1", port: port)
                guard let head = PreparedHead(method: "POST", path: "/", origin: origin, fields: []) else {
                    return .success((0, ""))
                }
                let request = UpstreamRequest(
                    origin: origin, head: head, body: [ByteBuffer(string: "{}")], limits: limits,
                    isSafeToRepeat: isSafeToRepeat, maximumBody: maximumBody, mayResend: mayResend)
                do throws(UpstreamFailure) {
                    let response = try await client.exchange(request)
                    return .success((response.head.status, String(buffer: try await response.body.collect())))
                } catch {
                    return .failure(error)
                }
            }
            return try result.get()
        }
    }

    private func failure(_ body: () async throws(UpstreamFailure) -> Void) async -> UpstreamFailure? {
        do throws(UpstreamFailure) {
            try await body()
            return nil
        } catch {
            return error
        }
    }

    private static let answer = Answer.response(200, "hello")

    @Test func `connections are used again`() async throws {
        let wall = Wall { _ in [Self.answer] }, port = try await wall.start(), setting = Setting()
        for _ in 0..<5 { #expect(try await setting.exchange(port) == (200, "hello")) }
        #expect(wall.ledger.lines.count == 1)
        #expect(wall.ledger.calls.count == 5)
    }

    @Test func `a connection is not used again after a close, a broken framing or extra bytes`() async throws
    {
        let endings: [[Wall.Act]] = [
            [.text("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")],
            [.text("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n")],
            [.text("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello")],
        ]
        for acts in endings {
            let wall = Wall { _ in acts }, port = try await wall.start(), setting = Setting()
            for _ in 0..<2 { #expect(try await setting.exchange(port) == (200, "hello")) }
            #expect(wall.ledger.lines.count == 2)
        }
    }

    @Test func `a pooled connection that closes as it is used is replaced only when that is safe`()
        async throws
    {
        let setting = Setting()
        for isSafe in [true, false] {
            let wall = Wall { $0.onConnection == 0 ? [Self.answer] : [.finish] },
                port = try await wall.start()
            #expect(try await setting.exchange(port) == (200, "hello"))
            if isSafe {
                #expect(try await setting.exchange(port, isSafeToRepeat: true) == (200, "hello"))
                #expect(wall.ledger.lines.count == 2)
            } else {
                let failure = await failure { () throws(UpstreamFailure) in
                    _ = try await setting.exchange(port)
                }
                #expect(
                    failure?.cause == .closedEarly && failure?.requestWasSent == true
                        && failure?.connectionWasReused == true)
                #expect(wall.ledger.calls.count == 2)
            }
        }
    }

    @Test func `a resend needs its budget`() async throws {
        let setting = Setting(), wall = Wall { $0.onConnection == 0 ? [Self.answer] : [.finish] },
            port = try await wall.start()
        #expect(try await setting.exchange(port) == (200, "hello"))
        let failure = await failure { () throws(UpstreamFailure) in
            _ = try await setting.exchange(port, isSafeToRepeat: true, mayResend: { false })
        }
        #expect(failure?.cause == .closedEarly)
        #expect(wall.ledger.calls.count == 2)
    }

    @Test(arguments: [
        ([Wall.Act.hang], UpstreamFailure.Cause.timedOut, Phase.head),
        ([.text("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel"), .hang], .timedOut, .body),
        (
            [
                .text("H"), .wait(.milliseconds(150)), .text("T"), .wait(.milliseconds(150)), .text("T"),
                .hang,
            ], .timedOut, .head
        ),
        ([.text("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel"), .finish], .closedEarly, .body),
        (
            [.text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n"), .finish],
            .closedEarly, .body
        ),
        (
            [.text("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel"), .wait(.milliseconds(20)), .reset],
            .reset, .body
        ),
        ([.finish], .closedEarly, .head), ([.wait(.milliseconds(20)), .reset], .reset, .head),
        ([.text("nonsense\r\n\r\n")], .malformed, .head),
        ([.text(String(repeating: "x", count: 70_000))], .headTooLarge, .head),
        ([Answer.response(200, String(repeating: "x", count: 2 << 20))], .bodyTooLarge, .body),
        ([Answer.response(200, "x", fields: ["content-encoding: gzip"])], .compressed, .head),
    ])
    func `a failure says its phase and cause, and the connection is gone`(
        acts: [Wall.Act], cause: UpstreamFailure.Cause, phase: Phase
    ) async throws {
        let wall = Wall { _ in acts }, port = try await wall.start(), setting = Setting()
        let limit: Duration = cause == .timedOut ? .milliseconds(300) : .seconds(20)
        let limits = PhaseLimits(head: limit, idle: limit)
        let failure = await failure { () throws(UpstreamFailure) in
            _ = try await setting.exchange(port, limits: limits)
        }
        #expect(failure?.cause == cause && failure?.phase == phase, "\(String(describing: failure))")
        #expect(failure?.requestWasSent == true)
        #expect(try await Self.allClosed(wall, within: .milliseconds(100)))
    }

    /// Whether all connections to the wall are closed within a time.
    private static func allClosed(_ wall: Wall, within limit: Duration) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        while wall.ledger.openLines > 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(2))
        }
        return wall.ledger.openLines == 0
    }

    @Test func `the total limit holds although bytes keep coming`() async throws {
        let drip = (0..<100).flatMap { _ in [Wall.Act.text("x"), .wait(.milliseconds(50))] }
        let wall = Wall { _ in [.text("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")] + drip },
            port = try await wall.start()
        let failure = await failure { () throws(UpstreamFailure) in
            _ = try await Setting().exchange(
                port, limits: PhaseLimits(idle: .seconds(1), total: .milliseconds(400)))
        }
        #expect(failure?.cause == .timedOut)
    }

    @Test func `a connection that is refused or whose host is unknown says so`() async throws {
        let wall = Wall { _ in [] }, port = try await wall.start()
        try await wall.stop()
        let failure = await failure { () throws(UpstreamFailure) in _ = try await Setting().exchange(port) }
        #expect(failure?.cause == .refused && failure?.phase == .connect && failure?.requestWasSent == false)
    }

    @Test func `cancelling closes the connection at once, before and after the head`() async throws {
        for acts in [[Wall.Act.hang], [.text("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel"), .hang]] {
            let wall = Wall { _ in acts }, port = try await wall.start(), setting = Setting()
            let task = Task { () -> UpstreamFailure? in
                await failure { () throws(UpstreamFailure) in _ = try await setting.exchange(port) }
            }
            while wall.ledger.calls.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            try await Task.sleep(for: .milliseconds(30))
            task.cancel()
            #expect(await task.value?.cause == .cancelled)
            #expect(try await Self.allClosed(wall, within: .milliseconds(250)))
        }
    }

    @Test func `a reader that is slow holds the sender back`() async throws {
        let big = [UInt8](repeating: 0x61, count: 32 << 20)
        let wall = Wall { _ in [.text("HTTP/1.1 200 OK\r\ncontent-length: \(big.count)\r\n\r\n"), .send(big)]
        }
        let port = try await wall.start(), setting = Setting()
        let read = await withTaskExecutorPreference(setting.executor) { () async -> Int in
            let origin = Origin(isSecure: false, host: "127.0.0.1", port: port)
            guard let head = PreparedHead(method: "POST", path: "/", origin: origin, fields: []),
                let response = try? await setting.client.exchange(
                    UpstreamRequest(
                        origin: origin, head: head, body: [], limits: PhaseLimits(), maximumBody: 64 << 20))
            else { return -1 }
            try? await Task.sleep(for: .milliseconds(300))
            let early = response.body.bytesReceived
            var total = 0
            while let bytes = try? await response.body.next() { total += bytes.readableBytes }
            #expect(total == big.count)
            return early
        }
        #expect(read > 0 && read < 4 << 20, "\(read) bytes were read ahead")
    }
}
