import ArgumentParser
import Foundation

/// `holdfast check FILE`: says everything that is wrong with a configuration.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a configuration file and name every mistake in it.")

    @Argument(help: "The configuration file.")
    var file: String

    func run() throws {
        do {
            let configuration = try ConfigurationLoader.load(
                file, environment: ProcessInfo.processInfo.environment)
            print(
                "\(file): ok: \(configuration.providers.count) providers, \(configuration.models.count) models"
            )
        } catch {
            for mistake in error.mistakes { print(mistake) }
            print("\(error.mistakes.count) \(error.mistakes.count == 1 ? "mistake" : "mistakes") in \(file)")
            throw ExitCode(1)
        }
    }
}
