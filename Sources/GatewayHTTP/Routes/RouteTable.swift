/// Everything that can be asked for over HTTP: one table, in which every entry says who may ask.
///
/// The decision about access and the choice of the handler use the same entry, found by the path exactly as it was
/// sent; there is no second way to a handler.
public struct RouteTable: Sendable {
    /// Who may ask.
    public enum Access: String, Sendable, Hashable {
        /// Anyone, with or without a key.
        case open
        /// Whoever holds a key, where keys are needed.
        case caller
        /// Whoever holds the administrator's key, where keys are needed.
        case administrator
    }

    /// One entry.
    public struct Entry: Sendable {
        public let method: String
        /// The path; a last segment of `*` stands for any single segment.
        public let path: String
        public let access: Access
        /// The largest body that is read, in bytes.
        public let maximumBody: Int
        let isDemo: Bool
        let run: @Sendable (Exchange) async -> Void

        public init(_ method: String, _ path: String, _ access: Access, maximumBody: Int = 0, isDemo: Bool = false,
                    run: @escaping @Sendable (Exchange) async -> Void) {
            self.method = method
            self.path = path
            self.access = access
            self.maximumBody = maximumBody
            self.isDemo = isDemo
            self.run = run
        }
    }

    /// What a request's method and path lead to.
    enum Match {
        case entry(Entry)
        /// The path is known, but not with that method; these are the methods it has.
        case otherMethods([String])
        case nothing
    }

    public let entries: [Entry]
    private let exact: [String: [Entry]]
    private let byParent: [Substring: [Entry]]

    public init(_ entries: [Entry]) {
        self.entries = entries
        exact = Dictionary(grouping: entries.filter { !$0.path.hasSuffix("/*") }) { $0.path }
        byParent = Dictionary(grouping: entries.filter { $0.path.hasSuffix("/*") }) { $0.path.dropLast(2) }
    }

    func match(_ method: String, _ path: String) -> Match {
        let candidates = exact[path] ?? wild(path)
        guard !candidates.isEmpty else { return .nothing }
        if let entry = candidates.first(where: { $0.method == method || method == "HEAD" && $0.method == "GET" }) {
            return .entry(entry)
        }
        return .otherMethods(candidates.map(\.method).sorted())
    }

    private func wild(_ path: String) -> [Entry] {
        guard let slash = path.lastIndex(of: "/"), path.index(after: slash) < path.endIndex else { return [] }
        return byParent[path[..<slash]] ?? []
    }
}

extension RequestHead {
    /// The last segment of the path.
    var lastSegment: Substring {
        path.lastIndex(of: "/").map { path[path.index(after: $0)...] } ?? ""
    }
}
