import ArgumentParser

/// The program.
@main
struct Holdfast: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "holdfast",
        abstract: "An AI gateway that keeps applications answering while their providers fail.",
        version: version,
        subcommands: [Serve.self, Check.self, Simulate.self],
        defaultSubcommand: Serve.self)
}
