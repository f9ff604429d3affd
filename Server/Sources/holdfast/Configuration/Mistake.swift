/// Something wrong in a configuration, with its place and the way to mend it.
struct Mistake: Error, Hashable, CustomStringConvertible {
    var file: String
    /// Counted from 1; 0 for what has no lines, such as the environment.
    var line: Int
    var column: Int
    /// The path of the setting, such as `models.chat.targets[0].provider`.
    var path: String
    var text: String

    var description: String {
        let place = line > 0 ? "\(file):\(line):\(column)" : file
        return "\(place): \(path.isEmpty ? "" : "\(path): ")\(text)"
    }
}
