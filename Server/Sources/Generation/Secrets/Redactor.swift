/// Takes secrets out of texts that come from outside.
///
/// It knows the secrets of its provider in the forms in which they leak (plain, URL-encoded, Base64, their last
/// twelve characters) and the shapes of keys in general. Applying it twice changes nothing more.
public struct Redactor: Sendable {
    private static let mark = "***"
    private let forms: [[UInt8]]

    /// Creates a redactor for the given secrets.
    public init(_ secrets: [Secret]) {
        var forms: Set<String> = []
        for secret in secrets {
            secret.reveal { value in
                guard value.utf8.count >= 4 else { return }
                forms.insert(value)
                forms.insert(Self.urlEncoded(value))
                let base64 = Self.base64(Array(value.utf8))
                forms.insert(base64)
                forms.insert(String(base64.prefix { $0 != "=" }))
                if value.utf8.count >= 24 { forms.insert(String(value.suffix(12))) }
            }
        }
        // Longer forms first, so that a short one does not leave the rest of a long one standing.
        self.forms = forms.sorted { ($0.utf8.count, $0) > ($1.utf8.count, $1) }.map { Array($0.utf8) }
    }

    /// `text` with every secret replaced by `***`.
    public func redact(_ text: String) -> String {
        var result = text
        for form in forms where result.utf8.count >= form.count {
            result = Self.replace(form, in: result)
        }
        return Self.hideKeyShapes(in: result)
    }

    /// `text` if it holds no secret of the provider, else redacted; quicker than ``redact(_:)`` for what every answer
    /// brings, such as an identity.
    public func cleaned(_ text: String) -> String {
        var text = text
        let isClean = text.withUTF8 { bytes in
            !forms.contains { form in
                guard bytes.count >= form.count else { return false }
                return (0...bytes.count - form.count).contains { start in
                    bytes[start] == form[0] && bytes[start..<start + form.count].elementsEqual(form)
                }
            }
        }
        return isClean ? text : redact(text)
    }

    private static func replace(_ needle: [UInt8], in text: String) -> String {
        let hay = Array(text.utf8)
        var result: [UInt8] = [], index = 0
        while index < hay.count {
            if hay[index] == needle[0], hay.count - index >= needle.count,
                hay[index..<index + needle.count].elementsEqual(needle)
            {
                result += Array(mark.utf8)
                index += needle.count
            } else {
                result.append(hay[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Replaces what looks like a key of some provider: a known prefix and at least eight more key characters.
    private static func hideKeyShapes(in text: String) -> String {
        let prefixes = [
            "sk-", "sk_", "pk-", "rk-", "Bearer ", "bearer ", "AIza", "gsk_", "xai-", "hf_", "r8_", "key-",
        ]
        .map { Array($0.utf8) }
        let bytes = Array(text.utf8)
        var result: [UInt8] = [], index = 0
        while index < bytes.count {
            let rest = bytes[index...]
            if index == 0 || !isKeyByte(bytes[index - 1]),
                let prefix = prefixes.first(where: { rest.starts(with: $0) })
            {
                let body = rest.dropFirst(prefix.count).prefix(while: isKeyByte)
                if body.count >= 8 {
                    result += prefix + Array(mark.utf8)
                    index += prefix.count + body.count
                    continue
                }
            }
            result.append(bytes[index])
            index += 1
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F, 0x2E, 0x2A: true
        default: false
        }
    }

    private static func urlEncoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F, 0x2E, 0x7E:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                result += "%" + (hex.count == 1 ? "0" : "") + hex
            }
        }
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let sextet = alphabet[Int(word >> UInt32(18 - 6 * place)) & 63]
                result.append(place <= group.count ? sextet : 0x3D)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
