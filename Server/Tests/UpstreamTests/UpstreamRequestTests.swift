import Generation
import NIOCore
import Testing

@testable import Upstream

@Suite struct UpstreamRequestTests {
    private static let origin = Origin(isSecure: false, host: "127.0.0.1", port: 80)

    private func request(_ parts: [Int]) throws -> UpstreamRequest {
        let head = try #require(
            PreparedHead(method: "POST", path: "/v1", origin: Self.origin, fields: [("a", "b")]))
        let body = parts.enumerated().map { index, count in
            ByteBuffer(repeating: UInt8(0x61 + index % 26), count: count)
        }
        return UpstreamRequest(origin: Self.origin, head: head, body: body, limits: PhaseLimits())
    }

    @Test(arguments: [
        [], [0], [5], [10, 8, 700], [10, 8, 110_000], [110_000, 8, 10], [32_768], [32_769], [32_760, 8, 1],
        [1, 40_000, 1, 40_000, 1], [0, 0, 50_000, 0],
    ])
    func `a request is its head, the length and the parts of its body, wherever it is cut`(
        parts: [Int]
    ) throws {
        let request = try request(parts), (first, rest) = request.serialized()
        let sent = ([first] + rest).map { String(buffer: $0) }.joined()
        let body = request.body.map { String(buffer: $0) }.joined()
        #expect(
            sent
                == "POST /v1 HTTP/1.1\r\nhost: 127.0.0.1\r\na: b\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
                + body)
        #expect(first.readableBytes < 33_000)
    }

    @Test func `a large body behind a small beginning is sent in two parts, a small one in one`() throws {
        #expect(try request([10, 8, 110_000]).serialized().rest.count == 1)
        #expect(try request([10, 8, 700]).serialized().rest.isEmpty)
    }

    @Test func `limits are the same in nanoseconds, from none to a day`() {
        var state: UInt64 = 7
        for _ in 0..<10_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let attoseconds = (Int128(state) << Int128(state % 40)) >> 10
            let limit = Duration(attoseconds: attoseconds)
            let (seconds, rest) = limit.components
            let expected =
                seconds < 86_400 ? seconds * 1_000_000_000 + rest / 1_000_000_000 : 86_400_000_000_000
            #expect(limit.limitNanoseconds == expected)
        }
        #expect(Duration.seconds(-5).limitNanoseconds == 0)
        #expect(Duration.seconds(Int64.max).limitNanoseconds == 86_400_000_000_000)
        #expect(Duration.seconds(86_399).limitNanoseconds == 86_399_000_000_000)
    }
}
