import Foundation
import Generation
import Harness

private let secrets = [
    "sk-proj-4f9aQ7xLmN2vB8kWz1Yt", "gAtEwAy/key+7=9", "p4ss", "0123456789abcdefghijklmnopqrstuv",
    "sch\u{FC}ssel wort",
]
private let redactor = Redactor(secrets.map(Secret.init))

/// The forms in which a secret must not be seen, made by Foundation.
private let forms: [[UInt8]] = secrets.flatMap { secret -> [[UInt8]] in
    let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
    let encoded = secret.addingPercentEncoding(withAllowedCharacters: unreserved) ?? secret
    let base64 = Data(secret.utf8).base64EncodedString()
    let ends = secret.utf8.count >= 24 ? [String(secret.suffix(12))] : []
    return ([secret, encoded, base64, base64.replacingOccurrences(of: "=", with: "")] + ends).map {
        Array($0.utf8)
    }
}

/// No form of a secret survives, redacting twice changes nothing more, and what holds no secret is left as it is.
@main
struct FuzzRedactor {
    static func main() {
        fuzz(test)
    }

    private static func test(_ bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes, as: UTF8.self)
        let once = redactor.redact(text)
        check(once, "redacted")
        expect(redactor.redact(once) == once, "redacted twice: \(redactor.redact(once))")
        let cleaned = redactor.cleaned(text)
        check(cleaned, "cleaned")
        expect(cleaned == text || cleaned == redactor.redact(text), "cleaned otherwise: \(cleaned)")
    }
}

private func check(_ text: String, _ what: StaticString) {
    var text = text
    text.withUTF8 { bytes in
        guard let start = bytes.baseAddress else { return }
        for form in forms where form.count <= bytes.count {
            for offset in 0...bytes.count - form.count where bytes[offset] == form[0] {
                expect(
                    memcmp(start + offset, form, form.count) != 0,
                    "\(what): \(String(decoding: form, as: UTF8.self)) is still there")
            }
        }
    }
}
