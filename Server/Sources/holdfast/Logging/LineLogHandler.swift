import JSON
import Logging

/// Writes log events as lines: JSON for programs, plain text for people.
struct LineLogHandler: LogHandler {
    let label: String
    let writer: LineWriter
    let isJSON: Bool
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        let fields = all.sorted { $0.key < $1.key }
        let time = Timestamp.text(WallClock.milliseconds())
        guard isJSON else {
            let tail = fields.map { " \($0.key)=\($0.value)" }.joined()
            return writer.write(
                "\(time) \(event.level.rawValue) \(label): \(event.message)\(tail)".singleLine)
        }
        let members =
            [
                ("time", time), ("level", event.level.rawValue), ("logger", label),
                ("message", "\(event.message)"),
            ]
            + fields.map { ($0.key, "\($0.value)") }
        writer.write(
            "{"
                + members.map { "\(JSONEscapes.quoted($0.0)):\(JSONEscapes.quoted($0.1))" }.joined(
                    separator: ",") + "}")
    }
}

extension String {
    /// This text without line ends, so that nothing in it can look like another line.
    fileprivate var singleLine: String {
        String(unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) })
    }
}

/// Times in logs (RFC 3339).
enum Timestamp {
    /// The text for milliseconds since 1970, such as `2026-11-20T14:03:07.120Z`.
    static func text(_ milliseconds: Int64) -> String {
        let milliseconds = max(0, milliseconds), seconds = milliseconds / 1000
        let days = seconds / 86_400 + 719_468, era = days / 146_097, dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153, month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0), day = dayOfYear - (153 * shifted + 2) / 5 + 1
        func pad(_ number: Int64, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let second = seconds % 86_400
        return
            "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(second / 3600, 2)):\(pad(second % 3600 / 60, 2)):"
            + "\(pad(second % 60, 2)).\(pad(milliseconds % 1000, 3))Z"
    }
}
