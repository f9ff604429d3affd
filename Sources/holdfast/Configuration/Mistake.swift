/// Something wrong in a configuration, with its place and the way to mend it.
struct Mistake: Error, Hashable, CustomStringConvertible {
    var file: String
    var line: Int
    var column: Int
    /// The path of the setting, such as `models.chat.targets[0].provider`.
    var path: String
    var text: String

    var description: String {
        "\(file):\(line):\(column): \(path.isEmpty ? "" : "\(path): ")\(text)"
    }
}
