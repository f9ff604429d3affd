import Foundation
import Gateway
import GatewayHTTP
import Generation
import Providers
import Resilience
import Routing
import Upstream
import Yams

/// Reads a configuration file and checks it as a whole.
struct ConfigurationLoader {
    /// All mistakes of a configuration.
    struct Refused: Error {
        var mistakes: [Mistake]
    }

    private static let maximumFile = 1 << 20

    var reader: SettingsReader
    var configuration = Configuration()
    /// All names of providers, those with mistakes too, so that one mistake is not told as two.
    var providerNames: [String] = []
    /// Where all web pages are let in.
    var anyOrigin: SettingsReader.Setting?

    private init(_ reader: SettingsReader) {
        self.reader = reader
    }

    /// Reads the file at `path`.
    ///
    /// - Throws: ``Refused`` with every mistake that can be told apart.
    static func load(_ path: String, environment: [String: String]) throws(Refused) -> Configuration {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Refused(mistakes: [
                Mistake(
                    file: path, line: 1, column: 1, path: "",
                    text: "the file cannot be read; check its name and permissions")
            ])
        }
        guard data.count <= maximumFile, let text = String(data: data, encoding: .utf8) else {
            throw Refused(mistakes: [
                Mistake(
                    file: path, line: 1, column: 1, path: "",
                    text: "the file is larger than 1 MiB or not UTF-8")
            ])
        }
        return try parse(text, file: path, environment: environment)
    }

    static func parse(_ text: String, file: String, environment: [String: String]) throws(Refused)
        -> Configuration
    {
        if let line = tooDeepLine(text) {
            throw Refused(mistakes: [
                Mistake(file: file, line: line, column: 1, path: "", text: "nested too deeply")
            ])
        }
        let root: Node
        do {
            root = try Yams.compose(yaml: text) ?? Node([:])
        } catch {
            throw Refused(mistakes: [mistake(error, file)])
        }
        var loader = ConfigurationLoader(
            SettingsReader(file: file, substitution: Substitution(environment: environment)))
        loader.read(SettingsReader.Setting(node: root, path: ""))
        guard loader.reader.mistakes.isEmpty else {
            throw Refused(
                mistakes: loader.reader.mistakes.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
        }
        return loader.configuration
    }

    /// YAML is read by recursion; no configuration needs more than a few levels.
    private static func tooDeepLine(_ text: String) -> Int? {
        var depth = 0
        for (number, line) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated()
        {
            let indent = line.prefix { $0 == 0x20 || $0 == 0x2D || $0 == 0x3F }.count
            for byte in line {
                if byte == 0x5B || byte == 0x7B {
                    depth += 1
                } else if byte == 0x5D || byte == 0x7D {
                    depth = max(0, depth - 1)
                }
            }
            if indent > 200 || depth > 100 { return number + 1 }
        }
        return nil
    }

    private static func mistake(_ error: any Error, _ file: String) -> Mistake {
        var mistake = Mistake(file: file, line: 1, column: 1, path: "", text: "not valid YAML")
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _)?, .parser(_, let problem, let mark, _)?,
            .composer(_, let problem, let mark, _)?:
            (mistake.line, mistake.column, mistake.text) = (
                mark.line, mark.column, "not valid YAML: \(problem)"
            )
        case .duplicatedKeysInMapping(let duplicates, let context)?:
            (mistake.line, mistake.column) = (context.mark.line, context.mark.column)
            mistake.text = "given twice: \(duplicates.joined(separator: ", ")); keep one of them"
        default: break
        }
        return mistake
    }

    // MARK: Sections

    private mutating func read(_ root: SettingsReader.Setting) {
        let sections = reader.members(of: root, known: ["server", "auth", "providers", "models", "logging"])
        if let server = sections["server"] { readServer(server) }
        if let auth = sections["auth"] { readAuth(auth) }
        if let logging = sections["logging"] { readLogging(logging) }
        if let providers = sections["providers"] {
            for member in reader.namedMembers(of: providers) { readProvider(member.name, member.setting) }
        }
        if let models = sections["models"] {
            for member in reader.namedMembers(of: models) { readModel(member.name, member.setting) }
        }
        if sections["providers"] == nil { reader.note("providers is missing; name at least one", at: root) }
        if sections["models"] == nil { reader.note("models is missing; name at least one", at: root) }
        checkExposure(sections["server"] ?? root)
        checkWebPages()
        checkSharedTargets(sections["models"] ?? root)
    }

    // MARK: The whole

    private mutating func checkExposure(_ setting: SettingsReader.Setting) {
        guard !Loopback.contains(configuration.server.host) else { return }
        if configuration.auth.isEmpty {
            reader.note(
                "a host other than loopback needs keys: set auth.admin_key and auth.keys", at: setting)
        } else if let short =
            ([configuration.auth.administrator].compactMap(\.self) + configuration.auth.keys.map(\.key))
            .first(where: { $0.reveal { $0.utf8.count } < 32 })
        {
            reader.note(
                "on a host other than loopback every key of auth must have at least 32 characters\(short.hint.isEmpty ? "" : " (\(short.hint))")",
                at: setting)
        }
    }

    // MARK: Forms

    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.first != 0x2D
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
    }
}
