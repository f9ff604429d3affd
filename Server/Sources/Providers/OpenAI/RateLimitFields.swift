import Dialects
import Generation
import HTTPMessage

/// What responses say of their provider's rate limit.
enum RateLimitFields {
    /// Reads `x-ratelimit-limit-`, `-remaining-` and `-reset-`, of requests and of tokens; nil if they do not say how much
    /// is left.
    static func notice(in head: ResponseHead) -> RateLimitNotice? {
        let requests = amount(head["x-ratelimit-limit-requests"]) { head["x-ratelimit-remaining-requests"] }
        let tokens = amount(head["x-ratelimit-limit-tokens"]) { head["x-ratelimit-remaining-tokens"] }
        guard let left = requests?.share ?? tokens?.share else { return nil }
        return RateLimitNotice(
            left: min(left, tokens?.share ?? left),
            limit: requests.flatMap { limit(of: $0, wholeAfter: head["x-ratelimit-reset-requests"]) })
    }

    private struct Amount {
        var limit: Double
        var left: Double
        var share: Double { min(1, left / limit) }
    }

    private static func amount(_ limit: String?, left: () -> String?) -> Amount? {
        guard let limit = number(limit), limit > 0, let left = number(left()) else { return nil }
        return Amount(limit: limit, left: left)
    }

    /// What was used comes back until the limit is whole again. So the period need not be known, which is a minute with
    /// some providers and a day with others.
    private static func limit(of requests: Amount, wholeAfter reset: String?) -> RateLimit? {
        let used = requests.limit - requests.left
        guard used >= 1, let reset,
            let wait = WaitText.goDuration(Substring(reset)) ?? WaitText.seconds(reset),
            wait > .zero
        else { return nil }
        return RateLimit(requestsPerSecond: used / (wait / .seconds(1)), burst: requests.limit)
    }

    private static func number(_ text: String?) -> Double? {
        guard let text, (1...15).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return Double(text)
    }
}
