import Foundation

/// Foundation's reading of a JSON text, as a second opinion.
public enum JSONOracle {
    /// The text's object; nil if Foundation does not accept it.
    public static func object(_ bytes: some Sequence<UInt8>) -> [String: Any]? {
        let value = try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])
        return value as? [String: Any]
    }

    /// Whether a text is an object or an array to Foundation.
    public static func isCollection(_ bytes: some Sequence<UInt8>) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(bytes))) != nil
    }

    /// Whether two values hold the same. Not compared as text: Foundation's sorted keys come out differently for the
    /// same long keys.
    public static func areEqual(_ one: Any, _ other: Any) -> Bool {
        switch (one, other) {
        case (let one as [String: Any], let other as [String: Any]):
            one.count == other.count
                && one.allSatisfy { key, value in other[key].map { areEqual(value, $0) } ?? false }
        case (let one as [Any], let other as [Any]):
            one.count == other.count && zip(one, other).allSatisfy { areEqual($0, $1) }
        case (let one as String, let other as String): one.utf8.elementsEqual(other.utf8)
        case (let one as NSNumber, let other as NSNumber): one == other
        default: one is NSNull && other is NSNull
        }
    }
}
