/// Runs the readers of outside bytes that the arguments name, or all; without callgrind it only shows that they run.
@main
struct Linear {
    static let readers: [Reader] =
        // The longest first, so that they do not run alone at the end.
        Settings.readers + Chunks.readers + Answers.readers + Requests.readers + Heads.readers

    static func main() {
        let wanted = Set(CommandLine.arguments.dropFirst())
        if wanted == ["--list"] { return print(readers.map(\.name).joined(separator: "\n")) }
        for reader in readers where wanted.isEmpty || wanted.contains(reader.name) { reader.run() }
    }
}
