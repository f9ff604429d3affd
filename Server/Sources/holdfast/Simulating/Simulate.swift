import ArgumentParser
import Foundation
import Routing
import Simulation

/// `holdfast simulate`: plays worlds with routing policies in virtual time and compares them.
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Play a world with routing policies in virtual time and compare what they would have done.",
        discussion: """
            A world says what providers cost and how they fare, and what befalls them. It comes from a file or is made of \
            the targets of your own configuration. Every policy meets the very same requests and the same luck. The \
            policy adaptive is the gateway's own code.
            """)

    @Option(help: "The world's file, in the format selection-world/1.")
    var world: String?

    @Option(help: "A gateway's configuration, to make a world of the targets of one of its models.")
    var config: String?

    @Option(help: "The model of the configuration. Default: the first one.")
    var model: String?

    @Option(help: "Policies, separated by commas, or all.")
    var policy = "adaptive,primary_secondary,litellm_shuffle"

    @Option(help: "Scenarios, separated by commas; the beginnings of their names are enough. Default: all.")
    var scenario: String?

    @Option(help: "The seeds to play, first and last.")
    var seeds = "1000..1005"

    @Option(
        help:
            "What the adaptive policy prefers: \(Preference.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var prefer: String?

    @Option(help: "Write a report with plots to this file.")
    var html: String?

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Flag(help: "Print a table for each scenario as well.")
    var verbose = false

    @Flag(help: "Do not play the oracle, against which utility is measured.")
    var noOracle = false

    func run() async throws {
        let stage = try stage()
        let report = await stage.play(showsProgress: !json && isatty(STDERR_FILENO) == 1)
        if let html {
            do { try Data(report.html.utf8).write(to: URL(fileURLWithPath: html)) } catch {
                throw ValidationError("cannot write --html \(html): \(error.localizedDescription)")
            }
        }
        let text = json ? report.json : report.table(verbose: verbose)
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    // MARK: Options

    private func stage() throws -> Stage {
        let (name, file, preferences) = try readWorld()
        let scenarios = file.scenarios.filter { scenario in
            guard let wanted = self.scenario?.split(separator: ",") else { return true }
            return wanted.contains { scenario.name.hasPrefix($0) }
        }
        guard !scenarios.isEmpty else {
            throw ValidationError(
                "no scenario begins with \(scenario ?? ""); there are: "
                    + file.scenarios.map(\.name).joined(separator: ", "))
        }
        var weights = preferences.map { AdaptiveWeights($0) }
        if let prefer {
            guard let preference = Preference(rawValue: prefer) else {
                throw ValidationError(
                    "--prefer must be one of \(Preference.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            var preferring = weights ?? SimulationRun.weights(of: file)
            preferring.prefer(preference)
            weights = preferring
        }
        return Stage(
            name: name, file: file, scenarios: scenarios, policies: try readPolicies(),
            seeds: try readSeeds(),
            weights: weights, comparesWithOracle: !noOracle)
    }

    private func readPolicies() throws -> [PolicyName] {
        if policy == "all" { return PolicyName.allCases }
        return try policy.split(separator: ",").map { name in
            guard let policy = PolicyName(rawValue: String(name)) else {
                throw ValidationError(
                    "there is no policy \(name); there are: "
                        + PolicyName.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return policy
        }
    }

    private func readSeeds() throws -> ClosedRange<UInt64> {
        let ends = seeds.components(separatedBy: "..").map { UInt64($0) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first <= last,
            last - first < 10_000
        else { throw ValidationError("--seeds must be like 1000..1005, at most 10,000 of them") }
        return first...last
    }

    /// - Returns: What is played, and what the configuration prefers, if there is one.
    private func readWorld() throws -> (String, WorldFile, RoutingPreferences?) {
        switch (world, config) {
        case (let path?, nil):
            guard let data = FileManager.default.contents(atPath: path) else {
                throw ValidationError("cannot read --world \(path)")
            }
            return (URL(fileURLWithPath: path).lastPathComponent, try read(Array(data), path), nil)
        case (nil, let path?):
            let configuration: Configuration
            do {
                configuration = try ConfigurationLoader.load(
                    path, environment: ProcessInfo.processInfo.environment)
            } catch {
                throw ValidationError(error.mistakes.map(\.description).joined(separator: "\n"))
            }
            let models = configuration.models
            guard let chosen = model.map({ name in models.first { $0.name == name } }) ?? models.first else {
                throw ValidationError(
                    "there is no model \(model ?? ""); there are: \(models.map(\.name).joined(separator: ", "))"
                )
            }
            let file = try read(Array(OwnWorld.json(of: chosen).utf8), path)
            return ("\(path), model \(chosen.name)", file, chosen.preferences)
        default: throw ValidationError("give either --world or --config")
        }
    }

    private func read(_ bytes: [UInt8], _ path: String) throws -> WorldFile {
        do throws(WorldFile.Refused) { return try WorldFile(json: bytes) } catch {
            throw ValidationError("\(path) is no world:\n\(error)")
        }
    }
}
