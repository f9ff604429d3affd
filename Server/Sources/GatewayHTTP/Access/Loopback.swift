/// Names and addresses that only this machine can reach.
public enum Loopback {
    /// Whether `host`, without a port and without brackets, is `localhost`, in 127.0.0.0/8, or `::1`.
    public static func contains(_ host: some StringProtocol) -> Bool {
        if host == "127.0.0.1" || host == "localhost" || host == "::1" || host.lowercased() == "localhost" {
            return true
        }
        // A name such as 127.0.0.1.example.com belongs to whoever owns example.com.
        let parts = host.utf8.split(separator: 0x2E, maxSplits: 4, omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8(decimal: $0) != nil }
            && UInt8(decimal: parts[0]) == 127
    }
}

extension UInt8 {
    /// The number that one to three digits say.
    fileprivate init?(decimal digits: some Collection<UInt8>) {
        guard (1...3).contains(digits.count), digits.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
        self.init(exactly: digits.reduce(0) { $0 * 10 + Int($1 &- 0x30) })
    }
}
