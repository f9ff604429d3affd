import HTTPMessage

/// Which web pages may use the gateway, decided by what browsers say of them.
///
/// A browser lets any page send requests to this machine, and says where they come from: `Origin` names the page's site,
/// `Sec-Fetch-Site` its relation to this one, and `Host` the name that the page used, which its owner may have made to
/// point here (DNS rebinding). Without keys these three are all that tells a page from a program, so a page of another
/// site is refused unless it is listed. With keys a page without one gets nowhere; it is only a question of which pages
/// the browser lets read the answers.
public struct WebPolicy: Sendable, Hashable {
    /// Stands for every origin, where keys are needed.
    public static let anyOrigin = "*"
    private static let longestOrigin = 256

    private let hosts: Set<String>
    private let origins: Set<String>
    private let allowsAnyOrigin: Bool

    /// Creates a policy.
    ///
    /// - Parameters:
    ///   - hosts: Names besides loopback by which the gateway may be asked, in lower case, without ports or brackets.
    ///   - origins: The origins of pages that may use the gateway, as browsers send them.
    public init(hosts: [String] = [], origins: [String] = []) {
        self.hosts = Set(hosts)
        self.origins = Set(origins)
        allowsAnyOrigin = origins.contains(Self.anyOrigin)
    }

    /// Looks at where a request comes from.
    ///
    /// - Parameters:
    ///   - needsKeys: Whether callers need keys.
    ///   - isOpen: Whether anyone may ask for this even then, such as a probe that knows only an address.
    /// - Returns: The origin of the page that may read the answer; nil if no page may, or none asks.
    /// - Throws: Why the request is refused.
    func check(_ head: RequestHead, needsKeys: Bool, isOpen: Bool) throws(Refusal) -> String? {
        if !needsKeys || !hosts.isEmpty && !isOpen, !Self.hasUsualHost(head), let host = head["host"] {
            try check(host: host)
        }
        if needsKeys, origins.isEmpty { return nil }
        if let origin = head["origin"] {
            if allows(origin, needsKeys) { return origin }
            guard needsKeys || Self.isSame(origin, as: head["host"]) else { throw Self.foreign(origin) }
            return nil
        }
        // Browsers leave the origin out where a page only loads something, such as an image.
        guard !needsKeys, let site = head["sec-fetch-site"], site != "same-origin", site != "none" else {
            return nil
        }
        throw Refusal(
            403, "forbidden_origin",
            "without keys, requests from pages of other sites (sec-fetch-site: \(site.prefix(40))) are not accepted; "
                + "list the page's origin in server.cors_origins and send it with Origin, or set auth.keys",
            field: "sec-fetch-site")
    }

    private func allows(_ origin: String, _ needsKeys: Bool) -> Bool {
        origins.contains(origin)
            || allowsAnyOrigin && needsKeys && origin.utf8.count <= Self.longestOrigin
                && origin.isPrintableASCII
    }

    private static func foreign(_ origin: String) -> Refusal {
        Refusal(
            403, "forbidden_origin",
            "without keys, requests from pages of '\(origin.prefix(longestOrigin))' are not accepted; list the origin in "
                + "server.cors_origins, or set auth.keys", field: "origin")
    }

    // MARK: Names

    /// Whether it has one of the names that nearly all requests to a gateway without keys have.
    private static func hasUsualHost(_ head: RequestHead) -> Bool {
        head.fields.value(of: "host", isHost: "127.0.0.1")
            || head.fields.value(of: "host", isHost: "localhost")
    }

    private func check(host: String) throws(Refusal) {
        let name = Self.name(host)
        if let name, Loopback.contains(name) || !hosts.isEmpty && hosts.contains(name.lowercased()) { return }
        throw Refusal(
            421, "unknown_host",
            "this gateway does not answer to the name '\(host.prefix(200))'; use localhost or 127.0.0.1, or add the "
                + "name to server.hosts", field: "host")
    }

    /// A host without its port and brackets; nil if it has another form.
    private static func name(_ host: String) -> Substring? {
        let bytes = host.utf8, end: String.Index, start: String.Index
        if bytes.first == 0x5B {
            guard let bracket = bytes.firstIndex(of: 0x5D) else { return nil }
            (start, end) = (bytes.index(after: bytes.startIndex), bracket)
        } else {
            (start, end) = (bytes.startIndex, bytes.firstIndex(of: 0x3A) ?? bytes.endIndex)
        }
        let port = bytes[end...].drop { $0 == 0x5D }
        guard port.isEmpty || port.first == 0x3A && port.dropFirst().allSatisfy({ $0 &- 0x30 < 10 }) else {
            return nil
        }
        return host[start..<end]
    }

    /// Whether a page of `origin` asks the very server that it came from. The gateway itself is reached by HTTP only.
    private static func isSame(_ origin: String, as host: String?) -> Bool {
        guard var host = host?.lowercased() else { return false }
        if host.hasSuffix(":80") { host.removeLast(3) }
        return origin.lowercased() == "http://" + host
    }
}
