import Generation
import HTTPMessage
import NIOCore
import Testing

@testable import Providers

@Suite struct RateLimitFieldsTests {
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
        #expect(RateLimitFields.notice(in: try head(fields))?.left == share)
    }

    /// What was used is back after a time: of a minute's limit, of a day's, of large ones, in plain seconds.
    private static let told: [(limit: String, left: String, reset: String, rate: Double, burst: Double)] = [
        ("60", "59", "1s", 1, 60), ("14400", "14370", "2m59.56s", 30 / 179.56, 14_400),
        ("5000", "4999", "12ms", 1000 / 12, 5000), ("100", "40", "36", 60 / 36, 100),
    ]

    @Test(arguments: told)
    func `how many requests are allowed is told by when what was used is back`(
        limit: String, left: String, reset: String, rate: Double, burst: Double
    ) throws {
        let told = try #require(
            RateLimitFields.notice(
                in: try head([
                    "x-ratelimit-limit-requests: \(limit)", "x-ratelimit-remaining-requests: \(left)",
                    "x-ratelimit-reset-requests: \(reset)", "x-ratelimit-limit-tokens: 1000",
                    "x-ratelimit-remaining-tokens: 1",
                ])))
        #expect(told.left == 0.001)
        #expect(abs((told.limit?.requestsPerSecond ?? 0) - rate) < 1e-9)
        #expect(told.limit?.burst == burst)
    }

    @Test(arguments: [("60", "60", "1s"), ("60", "59", "0s"), ("60", "59", "soon"), ("60", "59", "")])
    func `nothing is told as long as nothing was used, or of a time that cannot be read`(
        limit: String, left: String, reset: String
    ) throws {
        let notice = RateLimitFields.notice(
            in: try head([
                "x-ratelimit-limit-requests: \(limit)", "x-ratelimit-remaining-requests: \(left)",
                "x-ratelimit-reset-requests: \(reset)",
            ]))
        #expect(notice != nil)
        #expect(notice?.limit == nil)
    }

    private struct NoHead: Error {}

    private func head(_ fields: [String]) throws -> ResponseHead {
        var parser = ResponseParser(), body = ByteBuffer()
        var input = ByteBuffer(
            string: "HTTP/1.1 200 X\r\n" + fields.map { $0 + "\r\n" }.joined() + "content-length: 0\r\n\r\n")
        guard case .head(let head) = try parser.read(&input, into: &body) else { throw NoHead() }
        return head
    }
}
