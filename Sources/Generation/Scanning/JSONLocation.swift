/// Finds the place of an offset in a JSON text, as a reader would name it: `messages[3].content`.
///
/// Only for error messages: it walks the text again, tolerantly, up to the offset.
public enum JSONLocation {
    /// The path of the member in which `offset` lies; nil at the top level.
    public static func path(of offset: Int, in bytes: UnsafeRawBufferPointer) -> String? {
        var parts: [String] = []
        // For each open container: nil for an object, the element's number for an array.
        var elements: [Int?] = []
        var key: String?, index = 0
        while index < min(offset, bytes.count), elements.count <= JSONCursor.maximumDepth {
            switch bytes[index] {
            case 0x22:
                let end = endOfString(bytes, from: index + 1)
                if end >= offset, expectsValue(bytes, before: index, in: elements) { break }
                if case .some(nil) = elements.last, !expectsValue(bytes, before: index, in: elements),
                    end < bytes.count
                {
                    key = String(
                        decoding: UnsafeRawBufferPointer(rebasing: bytes[index + 1..<end]), as: UTF8.self)
                }
                index = end
            case 0x7B, 0x5B:
                parts.append(label(key, elements.last ?? nil))
                elements.append(bytes[index] == 0x5B ? 0 : nil)
                key = nil
            case 0x7D, 0x5D:
                if !elements.isEmpty {
                    elements.removeLast()
                    parts.removeLast()
                }
                key = nil
            case 0x2C:
                if let element = elements.last ?? nil { elements[elements.count - 1] = element + 1 }
                key = nil
            default: break
            }
            index += 1
        }
        parts.append(label(key, elements.last ?? nil))
        let path = parts.dropFirst().reduce("") { path, part in
            part.hasPrefix("[") || path.isEmpty ? path + part : path + "." + part
        }
        return path.isEmpty ? nil : String(path.prefix(200))
    }

    private static func label(_ key: String?, _ element: Int?) -> String {
        key ?? element.map { "[\($0)]" } ?? ""
    }

    /// Whether the string that begins at `index` is a value, that is, follows a colon or stands in an array.
    private static func expectsValue(_ bytes: UnsafeRawBufferPointer, before index: Int, in elements: [Int?])
        -> Bool
    {
        if case .some(.some) = elements.last { return true }
        var before = index - 1
        while before >= 0, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[before]) { before -= 1 }
        return before >= 0 && bytes[before] == 0x3A
    }

    private static func endOfString(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index < bytes.count, bytes[index] != 0x22 { index += bytes[index] == 0x5C ? 2 : 1 }
        return min(index, bytes.count)
    }
}
