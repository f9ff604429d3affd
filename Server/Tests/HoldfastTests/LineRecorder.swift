import Logging
import ResilienceTesting

/// Keeps what is logged.
struct LineRecorder: LogHandler {
    let lines: Recorder<String>
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.record("\(event.level): \(event.message)") }
}
