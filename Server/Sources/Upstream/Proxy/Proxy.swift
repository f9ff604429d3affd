import Bytes

/// Where secure connections go through on their way out: an HTTP proxy that tunnels them (RFC 9110, section 9.3.6).
///
/// Only connections to `https` origins are tunnelled; what lies between the gateway and the provider stays encrypted, so
/// that the proxy sees a host's name and port and nothing else.
public struct Proxy: Sendable, Hashable {
    /// Why a setting cannot be used. Never holds the setting itself, which may contain a password.
    public struct UnusableSetting: Error, Sendable, Hashable {
        /// What is wrong and what would be right.
        public let words: String
    }

    let host: String
    let port: Int
    /// The value of the Proxy-Authorization field.
    let authorization: String?
    private let exceptions: [Exception]

    /// Reads the settings that are customary in an environment: `HTTPS_PROXY` or `https_proxy`, and `NO_PROXY` or
    /// `no_proxy`.
    ///
    /// - Parameter base64: Writes bytes as Base64 (RFC 4648, section 4).
    /// - Returns: Nil if there is no proxy.
    public init?(environment: [String: String], base64: ([UInt8]) -> String) throws(UnusableSetting) {
        func value(_ name: String) -> String {
            (environment[name] ?? environment[name.lowercased()] ?? "").withoutBlanks
        }
        let url = value("HTTPS_PROXY")
        guard !url.isEmpty else { return nil }
        try self.init(url: url, exceptions: value("NO_PROXY"), base64: base64)
    }

    /// - Parameters:
    ///   - url: Such as `http://proxy.example.com:3128` or `http://user:password@proxy.example.com:3128`.
    ///   - exceptions: What is reached directly, as in `NO_PROXY`: names (which stand for themselves and all below),
    ///     addresses, ranges such as `10.0.0.0/8`, any of them with a port, separated by commas; `*` for everything.
    init(url: String, exceptions: String, base64: ([UInt8]) -> String) throws(UnusableSetting) {
        let wanted = "HTTPS_PROXY must be http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"
        guard !url.lowercased().hasPrefix("https://") else {
            throw UnusableSetting(
                words: "a proxy that is itself reached by https is not supported; \(wanted)")
        }
        let rest = url.lowercased().hasPrefix("http://") ? url.dropFirst(7) : Substring(url)
        guard !rest.contains("://") else { throw UnusableSetting(words: wanted) }
        let authority = rest.prefix { $0 != "/" }
        let split = authority.lastIndex(of: "@")
        let address = split.map { authority[authority.index(after: $0)...] } ?? authority
        guard let (origin, _) = Origin.parse("http://\(address)") else {
            throw UnusableSetting(words: wanted)
        }
        host = origin.host
        port = origin.port
        authorization = try split.map { end throws(UnusableSetting) in
            guard let name = Self.decoded(authority[..<end]) else {
                throw UnusableSetting(
                    words: "the user in HTTPS_PROXY has a % that is not followed by two hex digits")
            }
            return "Basic " + base64(name)
        }
        self.exceptions = exceptions.split(separator: ",").compactMap { Exception(String($0).withoutBlanks) }
    }

    /// Whether connections to an origin go through it. Those to this machine never do.
    func applies(to origin: Origin) -> Bool {
        guard origin.isSecure, origin.host != "localhost", !origin.host.hasPrefix("127."),
            origin.host != "::1"
        else { return false }
        return !exceptions.contains { $0.covers(origin.host, origin.port) }
    }

    private static func decoded(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = [], rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}

extension Proxy {
    /// One part of `NO_PROXY`.
    private enum Exception: Hashable {
        case everything
        case name(String, port: Int?)
        case range(UInt32, bits: Int)

        init?(_ text: String) {
            guard !text.isEmpty else { return nil }
            if text == "*" {
                self = .everything
                return
            }
            let parts = text.split(separator: "/", maxSplits: 1)
            if parts.count == 2, let address = Self.address(String(parts[0])), let bits = Int(parts[1]),
                (0...32).contains(bits)
            {
                self = .range(address, bits: bits)
                return
            }
            let bare = text.drop { $0 == "*" || $0 == "." }.lowercased()
            let named = bare.split(separator: ":", omittingEmptySubsequences: false)
            if named.count == 2, let port = Int(named[1]) {
                self = .name(String(named[0]), port: port)
            } else {
                self = .name(bare.filter { $0 != "[" && $0 != "]" }, port: nil)
            }
        }

        func covers(_ host: String, _ port: Int) -> Bool {
            switch self {
            case .everything: true
            case .name(let name, let wanted):
                (host == name || host.hasSuffix("." + name)) && (wanted ?? port) == port
            case .range(let network, let bits):
                Self.address(host).map { bits == 0 || ($0 ^ network) >> UInt32(32 - bits) == 0 } ?? false
            }
        }

        /// An IPv4 address as a number.
        private static func address(_ text: String) -> UInt32? {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
            guard parts.count == 4 else { return nil }
            return parts.reduce(UInt32?.some(0)) { number, part in
                guard let number, let part else { return nil }
                return number << 8 | UInt32(part)
            }
        }
    }
}
