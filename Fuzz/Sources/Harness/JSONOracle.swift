import Foundation

/// Foundation's reading of a JSON text, as a second opinion.
public enum JSONOracle {
    /// The text's object; nil if Foundation does not accept it.
    public static func object(_ bytes: some Sequence<UInt8>) -> [String: Any]? {
        let value = try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])
        return value as? [String: Any]
    }

    /// Whether two objects hold the same.
    public static func areEqual(_ one: [String: Any], _ other: [String: Any]) -> Bool {
        // Compared as text: equality of values that hold others depends on how Foundation boxed them.
        let texts = [one, other].map {
            try? JSONSerialization.data(withJSONObject: $0, options: [.sortedKeys])
        }
        return texts[0] != nil && texts[0] == texts[1]
    }
}
