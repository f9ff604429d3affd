import NIOHTTP1

/// What is wrong with a request as HTTP, before anyone looks at what it asks for.
struct RequestFault: Error, Hashable {
    var status: Int
    var message: String
}

/// Refuses requests that two readers could understand differently, and targets and hosts that are none.
enum RequestCheck {
    /// What is wrong with `head`; nil if nothing is.
    static func fault(_ head: HTTPRequestHead) -> RequestFault? {
        if head.version.major != 1 { return RequestFault(status: 505, message: "only HTTP/1.1 and HTTP/1.0 are spoken here") }
        var lengths = 0, codings: [String] = [], hosts: [String] = []
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 4 where name.lowercased() == "host": hosts.append(value)
            case 14 where name.lowercased() == "content-length":
                lengths += 1
                guard value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), (1...15).contains(value.utf8.count) else {
                    return bad("content-length is no number")
                }
            case 17 where name.lowercased() == "transfer-encoding": codings.append(value)
            default: break
            }
        }
        if lengths > 1 { return bad("content-length is given twice") }
        if !codings.isEmpty {
            if lengths > 0 { return bad("content-length and transfer-encoding exclude each other") }
            guard codings.count == 1, codings[0].lowercased() == "chunked", head.version.minor == 1 else {
                return bad("the only transfer-encoding is chunked")
            }
        }
        guard hosts.count == 1 || hosts.isEmpty && head.version.minor == 0 else { return bad("exactly one host is needed") }
        if let host = hosts.first, !isHost(host) { return bad("host is no host name") }
        guard head.uri.utf8.first == 0x2F, head.uri.utf8.count <= 8192,
              head.uri.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x23 }) else {
            return bad("the request's target is no path")
        }
        return nil
    }

    private static func bad(_ message: String) -> RequestFault { RequestFault(status: 400, message: message) }

    private static func isHost(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 255 && text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2E, 0x2D, 0x5B, 0x5D, 0x3A: true
            default: false
            }
        }
    }
}
