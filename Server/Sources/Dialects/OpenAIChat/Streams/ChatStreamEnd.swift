package import NIOCore

/// How a stream says that nothing follows.
package enum ChatStreamEnd {
    private static let word: StaticString = "[DONE]"

    /// The event that ends a stream which was complete.
    package static let mark = {
        var event = ByteBuffer()
        event.writeEvent { $0.writeStaticString(word) }
        return event
    }()

    /// Whether an event's data is the end mark: it is recognised by its beginning, as the official clients do.
    static func isMark(_ data: UnsafeRawBufferPointer) -> Bool {
        let length = word.utf8CodeUnitCount
        return data.count >= length && (0..<length).allSatisfy { data[$0] == word.utf8Start[$0] }
    }
}
