import Foundation
import GatewayHTTP
import NIOCore

/// Forms of the names by which web pages are told apart.
enum WebPages {
    /// A host name or an address as it is compared: in lower case and without brackets; nil if it is none.
    static func hostName(_ text: String) -> String? {
        let name = text.lowercased()
        if isPlainName(name) { return name }
        let isBracketed = name.hasPrefix("[") && name.hasSuffix("]")
        let address = isBracketed ? String(name.dropFirst().dropLast()) : name
        return address.contains(":") && (try? SocketAddress(ipAddress: address, port: 0)) != nil
            ? address : nil
    }

    /// An origin as browsers send it, or the sign for all; nil if it is none.
    ///
    /// `null` is none: every sandboxed page sends it.
    static func origin(_ text: String) -> String? {
        if text == WebPolicy.anyOrigin { return text }
        let text = text.lowercased()
        guard let colon = text.range(of: "://"), text.utf8.count <= 256 else { return nil }
        let scheme = text[..<colon.lowerBound], rest = text[colon.upperBound...]
        guard isScheme(scheme), !rest.isEmpty else { return nil }
        var host = rest
        if !rest.hasSuffix("]"), let last = rest.lastIndex(of: ":") {
            let port = rest[rest.index(after: last)...]
            guard let number = UInt16(port), number > 0, !port.hasPrefix("+"), !port.hasPrefix("0") else {
                return nil
            }
            host = rest[..<last]
            // Browsers leave the usual port out.
            if scheme == "http" && number == 80 || scheme == "https" && number == 443 {
                return hostName(String(host)).map { _ in "\(scheme)://\(host)" }
            }
        }
        guard host.hasPrefix("[") || !host.contains(":") else { return nil }
        return hostName(String(host)).map { _ in text }
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, first &- 0x61 < 26 else { return false }
        return text.utf8.allSatisfy { $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || [0x2B, 0x2D, 0x2E].contains($0) }
    }

    private static func isPlainName(_ name: String) -> Bool {
        (1...253).contains(name.utf8.count)
            && name.utf8.allSatisfy { $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || [0x2D, 0x2E, 0x5F].contains($0) }
    }
}
