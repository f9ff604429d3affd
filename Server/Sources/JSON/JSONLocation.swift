/// Finds the place of an offset in a JSON text, as a reader would name it: `messages[3].content`.
///
/// Only for error messages: it walks the text again, tolerantly, up to the offset, looking at each byte once.
package enum JSONLocation {
    /// The path of the member in which `offset` lies, cut to 200 characters; nil at the top level.
    package static func path(of offset: Int, in bytes: UnsafeRawBufferPointer) -> String? {
        let end = min(offset, bytes.count)
        var open = Place(), outer: [Place] = [], index = 0
        while index < end, outer.count <= JSONCursor.maximumDepth {
            switch bytes[index] {
            case 0x22:
                let close = endOfString(bytes, from: index + 1)
                if open.expectsKey, close < bytes.count { open.key = index + 1..<close }
                open.expectsKey = false
                index = close
            case 0x7B, 0x5B:
                outer.append(open)
                open = Place(element: bytes[index] == 0x5B ? 0 : nil, expectsKey: bytes[index] == 0x7B)
            case 0x7D, 0x5D: open = outer.popLast() ?? Place()
            case 0x2C:
                open.element = open.element.map { $0 + 1 }
                open.key = nil
                open.expectsKey = open.element == nil
            default: break
            }
            index += 1
        }
        let path = (outer + [open]).compactMap { $0.label(in: bytes) }.reduce("") { path, label in
            label.hasPrefix("[") || path.isEmpty ? path + label : path + "." + label
        }
        return path.isEmpty ? nil : String(path.prefix(200))
    }

    /// Where the reader stands in one container.
    private struct Place {
        /// The element's number in an array; nil in an object.
        var element: Int?
        /// Where the member's key stands.
        var key: Range<Int>?
        var expectsKey = false

        func label(in bytes: UnsafeRawBufferPointer) -> String? {
            if let element { return "[\(element)]" }
            guard let key else { return nil }
            // Longer than any path that is shown.
            return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[key].prefix(800)), as: UTF8.self)
        }
    }

    private static func endOfString(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index < bytes.count, bytes[index] != 0x22 { index += bytes[index] == 0x5C ? 2 : 1 }
        return min(index, bytes.count)
    }
}
