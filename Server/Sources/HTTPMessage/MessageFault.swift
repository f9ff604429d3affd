/// Why bytes are not an acceptable HTTP/1.1 message.
public enum MessageFault: Error, Sendable, Equatable {
    /// The message breaks the rules, or could be understood in two ways.
    case malformed(String)
    /// The head is longer than allowed, or has too many fields.
    case headTooLarge
    /// The version is none that is spoken here.
    case unknownVersion
}
