import HTTPMessage
import NIOCore
import Testing

@testable import Providers

@Suite struct RateLimitShareTests {
    @Test(arguments: [
        ([], nil), (["x-ratelimit-limit-requests: 100"], nil),
        (["x-ratelimit-limit-requests: 100", "x-ratelimit-remaining-requests: 25"], 0.25),
        (
            [
                "x-ratelimit-limit-requests: 100", "x-ratelimit-remaining-requests: 90",
                "x-ratelimit-limit-tokens: 40000", "x-ratelimit-remaining-tokens: 4000",
            ], 0.1
        ),
        (["x-ratelimit-limit-requests: 0", "x-ratelimit-remaining-requests: 0"], nil),
        (["x-ratelimit-limit-requests: 10", "x-ratelimit-remaining-requests: 99"], 1),
        (["x-ratelimit-limit-requests: -10", "x-ratelimit-remaining-requests: 1e400"], nil),
        (["x-ratelimit-limit-requests: 10", "x-ratelimit-remaining-requests: "], nil),
    ])
    func `the smaller share of requests and tokens counts, and what cannot be read says nothing`(
        fields: [String], share: Double?
    ) throws {
        var parser = ResponseParser(), body = ByteBuffer()
        var input = ByteBuffer(
            string: "HTTP/1.1 200 X\r\n" + fields.map { $0 + "\r\n" }.joined() + "content-length: 0\r\n\r\n")
        guard case .head(let head) = try parser.read(&input, into: &body) else {
            Issue.record("no head")
            return
        }
        #expect(RateLimitShare.left(in: head) == share)
    }
}
