import Dialects
import HTTPMessage
import NIOCore
import Testing

@testable import Providers

@Suite struct RetryAfterTests {
    private func wish(_ fields: [String]) throws -> Duration? {
        var parser = ResponseParser(), body = ByteBuffer()
        var input = ByteBuffer(
            string: "HTTP/1.1 429 X\r\n" + fields.map { $0 + "\r\n" }.joined() + "content-length: 0\r\n\r\n")
        guard case .head(let head) = try parser.read(&input, into: &body) else { return nil }
        return RetryAfter.inFields(of: head, wallClock: { 784_111_777 })
    }

    @Test(arguments: [
        (["retry-after: 2"], Duration.seconds(2)), (["retry-after: 2.5"], .milliseconds(2500)),
        (["retry-after: 0"], .zero),
        (["retry-after-ms: 120"], .milliseconds(120)),
        (["retry-after-ms: 120", "retry-after: 9"], .milliseconds(120)),
        (["retry-after: 1", "retry-after: 3"], .seconds(3)),
        (["retry-after: Sun, 06 Nov 1994 08:49:47 GMT"], .seconds(10)),
        (["date: Sun, 06 Nov 1994 08:49:40 GMT", "retry-after: Sun, 06 Nov 1994 08:49:45 GMT"], .seconds(5)),
        (["retry-after: Sun, 06 Nov 1994 08:49:07 GMT"], .zero),
        (["retry-after: 1000000000"], .seconds(31_536_000)),
        (["retry-after: Fri, 31 Dec 9999 23:59:59 GMT"], .seconds(31_536_000)),
        (["x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1m0.5s"], .milliseconds(60_500)),
        (
            [
                "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 120ms",
                "x-ratelimit-remaining-requests: 3",
                "x-ratelimit-reset-requests: 9s",
            ], .milliseconds(120)
        ),
    ])
    func `every form of the wish is read`(fields: [String], wait: Duration) throws {
        #expect(try wish(fields) == wait)
    }

    @Test(arguments: [
        ["retry-after: -5"], ["retry-after: abc"], ["retry-after: "], ["retry-after: 1e9"],
        ["retry-after: Sun, 06 Nov 94 08:49:37 GMT"],
        ["retry-after: Sun, 32 Nov 1994 08:49:37 GMT"], ["retry-after: NaN"],
        ["x-ratelimit-remaining-requests: 1", "x-ratelimit-reset-requests: 5s"],
        [],
    ])
    func `what is no wish is none`(fields: [String]) throws {
        #expect(try wish(fields) == nil)
    }

    @Test(arguments: [
        ("Please try again in 20s.", Duration.seconds(20)),
        ("Rate limit reached. Please try again in 6m0s. Visit x", .seconds(360)),
        ("try again in 120ms", .milliseconds(120)), ("try again in 1h2m3.5s", .milliseconds(3_723_500)),
        ("try again in 8760h5s", .seconds(31_536_000)),
    ])
    func `a wish in the words of an error is read`(text: String, wait: Duration) {
        #expect(WaitText.inSentence(text) == wait)
    }

    @Test(arguments: ["try again later", "try again in a while", "try again in", "", "in 20s"])
    func `other words are no wish`(text: String) {
        #expect(WaitText.inSentence(text) == nil)
    }

    @Test(arguments: [
        ("Thu, 01 Jan 1970 00:00:00 GMT", Int64(0)), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Thu, 29 Feb 2024 23:59:60 GMT", 1_709_251_200), ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
    ])
    func `dates are counted from 1970`(text: String, seconds: Int64) {
        #expect(HTTPDate.seconds(text) == seconds)
    }
}
