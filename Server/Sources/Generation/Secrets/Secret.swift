/// A provider's key or another text that must not be seen. Printing, logging or reflecting it shows `***`.
public struct Secret: Sendable, Hashable {
    private let value: String

    /// Wraps `value`.
    public init(_ value: String) {
        self.value = value
    }

    /// Whether there is nothing to hide.
    public var isEmpty: Bool { value.isEmpty }

    /// Lends the text to whoever must send or compare it.
    public func reveal<Result>(_ use: (String) throws -> Result) rethrows -> Result {
        try use(value)
    }

    /// The last four characters, for telling keys apart; nothing of keys shorter than 16.
    public var hint: String {
        value.utf8.count < 16 ? "" : "…" + value.suffix(4)
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `***`, whatever the secret is.
    public var description: String { "***" }
    /// `***`, whatever the secret is.
    public var debugDescription: String { "***" }
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
