import Foundation
import Wall

/// Acts as JSON: `[{"send":"text"},{"send_hex":"0d0a"},{"wait_ms":50},{"flood":"text","times":9},{"finish":true},
/// {"reset":true},{"hang":true},{"stop_reading":true}]`.
enum ByteScript {
    /// What is wrong with a script.
    struct Flaw: Error, CustomStringConvertible { var description: String }

    static func read(_ text: String) throws(Flaw) -> [Wall.Act] {
        guard let list = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]] else {
            throw Flaw(description: "a script is a list of objects")
        }
        var acts: [Wall.Act] = []
        for (index, item) in list.enumerated() {
            guard let act = act(item) else {
                throw Flaw(
                    description: "act \(index): it is one of send, send_hex, wait_ms, flood with times, "
                        + "finish, reset, hang, stop_reading")
            }
            acts.append(act)
        }
        return acts
    }

    private static func act(_ item: [String: Any]) -> Wall.Act? {
        if let text = item["flood"] as? String, let times = item["times"] as? Int, item.count == 2, times > 0
        {
            return .flood(Array(text.utf8), times: times)
        }
        guard item.count == 1, let (name, value) = item.first else { return nil }
        switch (name, value) {
        case ("send", let text as String): return .text(text)
        case ("send_hex", let text as String): return bytes(text).map { .send($0) }
        case ("wait_ms", let time as Double) where (0...3_600_000).contains(time):
            return .wait(.microseconds(Int64(time * 1000)))
        case ("finish", true as Bool): return .finish
        case ("reset", true as Bool): return .reset
        case ("hang", true as Bool): return .hang
        case ("stop_reading", true as Bool): return .stopReading
        default: return nil
        }
    }

    private static func bytes(_ hex: String) -> [UInt8]? {
        let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue.map { UInt8($0) } }
        guard digits.count == hex.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
