import GatewayHTTP
import Generation
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
