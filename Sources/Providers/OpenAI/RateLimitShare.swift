import HTTPMessage

/// What responses say of their provider's rate limit.
enum RateLimitShare {
    /// The share of the limit that is left, of requests or of tokens, whichever is less; nil if the response does not say.
    /// Range: 0 to 1.
    static func left(in head: ResponseHead) -> Double? {
        let requests = share(head["x-ratelimit-limit-requests"]) { head["x-ratelimit-remaining-requests"] }
        let tokens = share(head["x-ratelimit-limit-tokens"]) { head["x-ratelimit-remaining-tokens"] }
        return requests.map { min($0, tokens ?? $0) } ?? tokens
    }

    private static func share(_ limit: String?, left: () -> String?) -> Double? {
        guard let limit = number(limit), limit > 0, let left = number(left()) else { return nil }
        return min(1, left / limit)
    }

    private static func number(_ text: String?) -> Double? {
        guard let text, (1...15).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return Double(text)
    }
}
