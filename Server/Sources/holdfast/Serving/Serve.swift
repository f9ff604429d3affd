import ArgumentParser
import Foundation
import GatewayHTTP
import Logging
import NIOPosix
import Upstream

/// `holdfast serve`: runs the gateway.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway.",
        discussion: """
            Without a configuration file, three simulated providers answer for the model 'demo'. Beside it, each key in the
            environment (OPENAI_API_KEY and others) makes a provider whose models are named PROVIDER/MODEL.
            """)

    @Option(help: "The configuration file.")
    var config: String?

    @Option(help: "The port to listen on; overrides the file.")
    var port: Int?

    @Option(help: "The address to listen on; overrides the file.")
    var host: String?

    @Flag(help: "Serve only the simulated providers, whatever keys are in the environment.")
    var demo = false

    func validate() throws {
        if demo, config != nil { throw ValidationError("give either --demo or --config") }
        if let port, !(0...65_535).contains(port) { throw ValidationError("--port must be from 0 to 65535") }
    }

    func run() async throws {
        let source = ConfigurationSource(
            file: config, isDemo: demo, host: host, port: port,
            environment: ProcessInfo.processInfo.environment)
        let configuration: Configuration
        do {
            configuration = try source.load()
        } catch {
            for mistake in error.mistakes { StandardError.show("\(mistake)") }
            throw ExitCode(1)
        }
        let proxy: Proxy?
        do { proxy = try Proxy(environment: source.environment) { Data($0).base64EncodedString() } } catch {
            StandardError.show("HTTPS_PROXY: \(error.words)")
            throw ExitCode(1)
        }
        // Until the file is watched and signals are heard, a wish to read it again must not end the process.
        signal(SIGHUP, SIG_IGN)
        // Nor must a log that nobody reads any more.
        signal(SIGPIPE, SIG_IGN)
        DescriptorLimit.raise()
        let writer = LineWriter(descriptor: 2)
        LoggingSystem.bootstrap { label in
            LineLogHandler(
                label: label, writer: writer, isJSON: configuration.logging.format == .json,
                logLevel: Logger.Level(rawValue: configuration.logging.level.rawValue) ?? .info)
        }
        let status = await Serving(source: source, configuration: configuration, proxy: proxy, log: writer)
            .run()
        writer.flush(seconds: 1)
        if status != 0 { throw ExitCode(status) }
    }
}

/// Where the configuration comes from, the first time and each time it is read again.
struct ConfigurationSource: Sendable {
    let file: String?
    let isDemo: Bool
    let host: String?
    let port: Int?
    let environment: [String: String]

    func load() throws(ConfigurationLoader.Refused) -> Configuration {
        var configuration: Configuration
        if let file {
            configuration = try ConfigurationLoader.load(file, environment: environment)
        } else {
            configuration =
                isDemo ? EnvironmentConfiguration.demo : try EnvironmentConfiguration.read(environment)
        }
        if let host { configuration.server.host = host }
        if let port { configuration.server.port = port }
        guard Loopback.contains(configuration.server.host) || !configuration.auth.isEmpty else {
            throw ConfigurationLoader.Refused(mistakes: [
                Mistake(
                    file: file ?? "--host", line: 1, column: 1, path: "server.host",
                    text:
                        "\(configuration.server.host) can be reached from other machines, which needs keys: set auth.admin_key and auth.keys in a configuration file"
                )
            ])
        }
        return configuration
    }
}

/// Lines for the person at the terminal.
enum StandardError {
    static func show(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}

/// Raises the number of files and connections that the process may have open to what the system allows.
enum DescriptorLimit {
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, 1 << 20)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
