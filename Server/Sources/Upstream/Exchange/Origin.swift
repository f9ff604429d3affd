/// A host that requests are sent to: scheme, name and port.
public struct Origin: Sendable, Hashable, CustomStringConvertible {
    /// Whether the connection is encrypted.
    public let isSecure: Bool
    /// A host name or an address, without brackets.
    public let host: String
    /// The port.
    public let port: Int

    /// Names an origin. A host of a configuration goes through ``parse(_:)``, which checks it.
    public init(isSecure: Bool, host: String, port: Int) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
    }

    /// Splits a base URL such as `https://api.example.com/v1` into its origin and path.
    ///
    /// Only what a base URL needs is accepted: a scheme of `http` or `https`, a host of letters, digits, dots and
    /// hyphens or an address, a port, and a path of plain characters. User names, queries and fragments are not, so
    /// that no part of the text can be mistaken for another.
    ///
    /// - Returns: Nil if `text` is not such a URL. The path has no slash at its end.
    public static func parse(_ text: String) -> (origin: Origin, path: String)? {
        guard let scheme = ["https://", "http://"].first(where: text.lowercased().hasPrefix) else {
            return nil
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" }
        var path = rest.dropFirst(authority.count)
        while path.last == "/" { path = path.dropLast() }
        guard path.unicodeScalars.allSatisfy(isPathCharacter), !path.contains("//"), !path.contains(".."),
            let (host, port) = split(authority)
        else { return nil }
        let isSecure = scheme == "https://"
        let number = port.map { Int($0) ?? 0 } ?? (isSecure ? 443 : 80)
        guard (1...65535).contains(number) else { return nil }
        return (Origin(isSecure: isSecure, host: host, port: number), String(path))
    }

    private static func split(_ authority: Substring) -> (host: String, port: Substring?)? {
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let host = authority[authority.index(after: authority.startIndex)..<end]
            let rest = authority[authority.index(after: end)...]
            guard !host.isEmpty, host.utf8.count <= 45, host.unicodeScalars.allSatisfy(isAddressCharacter)
            else { return nil }
            if rest.isEmpty { return (String(host), nil) }
            return rest.first == ":" ? (String(host), rest.dropFirst()) : nil
        }
        let parts = authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = parts.first, !host.isEmpty, host.utf8.count <= 253, host.first != "-",
            host.first != ".",
            host.unicodeScalars.allSatisfy(isHostCharacter)
        else { return nil }
        return (host.lowercased(), parts.count == 2 ? parts[1] : nil)
    }

    private static func isHostCharacter(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII
            && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "."
                || scalar == "-")
    }

    private static func isAddressCharacter(_ scalar: Unicode.Scalar) -> Bool {
        ("0"..."9").contains(scalar) || ("a"..."f").contains(scalar) || ("A"..."F").contains(scalar)
            || scalar == ":" || scalar == "."
    }

    private static func isPathCharacter(_ scalar: Unicode.Scalar) -> Bool {
        isHostCharacter(scalar) || scalar == "/" || scalar == "_" || scalar == "~" || scalar == ":"
    }

    /// The value of the Host header.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The origin as it stands in a URL.
    public var description: String {
        "\(isSecure ? "https" : "http")://\(authority)"
    }
}
