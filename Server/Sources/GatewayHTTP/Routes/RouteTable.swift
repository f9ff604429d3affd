import HTTPMessage

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

    /// What paths an entry is for.
    public enum Path: Sendable {
        case exactly(StaticString)
        /// The path, a slash, and any single segment.
        case under(StaticString)

        func matches(_ head: RequestHead) -> Bool {
            switch self {
            case .exactly(let path): head.isPath(path)
            case .under(let parent): head.isPath(under: parent)
            }
        }
    }

    /// One entry.
    public final class Entry: Sendable {
        /// The method.
        public let method: StaticString
        /// The paths.
        public let path: Path
        /// Who may ask.
        public let access: Access
        /// The largest body that is read, in bytes.
        public let maximumBody: Int
        /// The types of body that are taken, in lower case without parameters; any where none is named.
        public let mediaTypes: [StaticString]
        /// The form in which callers expect to be told what is wrong; nil for that of the table.
        let errors: ErrorShape?
        let run: @Sendable (Exchange) async -> Void

        /// Creates an entry; without a bound no body is read.
        public init(
            _ method: StaticString, _ path: Path, _ access: Access, maximumBody: Int = 0,
            mediaTypes: [StaticString] = [], errors: ErrorShape? = nil,
            run: @escaping @Sendable (Exchange) async -> Void
        ) {
            self.method = method
            self.path = path
            self.access = access
            self.maximumBody = maximumBody
            self.mediaTypes = mediaTypes
            self.errors = errors
            self.run = run
        }

        func takes(_ head: RequestHead) -> Bool {
            head.isMethod(method) || head.isMethod("HEAD") && "\(method)" == "GET"
        }
    }

    /// What a request's method and path lead to.
    enum Match {
        case entry(Entry)
        /// The path is known, but not with that method; these are its entries, of which there is at least one.
        case otherMethods([Entry])
        case nothing
    }

    /// The entries in the order in which they are tried.
    public let entries: [Entry]
    /// The form of errors about what belongs to no entry, and of entries that have none of their own.
    let errors: ErrorShape

    /// Creates a table.
    public init(_ entries: [Entry], errors: ErrorShape) {
        self.entries = entries
        self.errors = errors
    }

    /// The form in which whoever asks for this expects to be told what is wrong.
    func errors(_ match: Match) -> ErrorShape {
        switch match {
        case .entry(let entry): entry.errors ?? errors
        case .otherMethods(let entries): entries.first?.errors ?? errors
        case .nothing: errors
        }
    }

    /// Looks at one entry after the other, since they are few and told apart by their lengths.
    func match(_ head: RequestHead) -> Match {
        var others: [Entry] = []
        for entry in entries where entry.path.matches(head) {
            if entry.takes(head) { return .entry(entry) }
            others.append(entry)
        }
        return others.isEmpty ? .nothing : .otherMethods(others)
    }
}

extension RouteTable.Match {
    /// The methods of the path in the order of their names, if the path is known but not with the method that was sent.
    var otherMethods: [String]? {
        guard case .otherMethods(let entries) = self else { return nil }
        return entries.map { "\($0.method)" }.sorted()
    }
}

extension RouteTable.Path: CustomStringConvertible {
    /// The path as it is shown to people.
    public var description: String {
        switch self {
        case .exactly(let path): "\(path)"
        case .under(let parent): "\(parent)/*"
        }
    }
}
