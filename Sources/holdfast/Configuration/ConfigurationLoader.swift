import Foundation
import Gateway
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

    private var reader: SettingsReader
    private var configuration = Configuration()

    private init(_ reader: SettingsReader) {
        self.reader = reader
    }

    /// Reads the file at `path`.
    ///
    /// - Throws: ``Refused`` with every mistake that can be told apart.
    static func load(_ path: String, environment: [String: String]) throws(Refused) -> Configuration {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Refused(mistakes: [Mistake(file: path, line: 1, column: 1, path: "", text: "the file cannot be read; check its name and permissions")])
        }
        guard data.count <= maximumFile, let text = String(data: data, encoding: .utf8) else {
            throw Refused(mistakes: [Mistake(file: path, line: 1, column: 1, path: "", text: "the file is larger than 1 MiB or not UTF-8")])
        }
        return try parse(text, file: path, environment: environment)
    }

    static func parse(_ text: String, file: String, environment: [String: String]) throws(Refused) -> Configuration {
        if let line = tooDeepLine(text) {
            throw Refused(mistakes: [Mistake(file: file, line: line, column: 1, path: "", text: "nested too deeply")])
        }
        let root: Node
        do {
            root = try Yams.compose(yaml: text) ?? Node([:])
        } catch {
            throw Refused(mistakes: [mistake(error, file)])
        }
        var loader = ConfigurationLoader(SettingsReader(file: file, substitution: Substitution(environment: environment)))
        loader.read(SettingsReader.Setting(node: root, path: ""))
        guard loader.reader.mistakes.isEmpty else {
            throw Refused(mistakes: loader.reader.mistakes.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
        }
        return loader.configuration
    }

    /// YAML is read by recursion; no configuration needs more than a few levels.
    private static func tooDeepLine(_ text: String) -> Int? {
        var depth = 0
        for (number, line) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let indent = line.prefix { $0 == 0x20 || $0 == 0x2D || $0 == 0x3F }.count
            for byte in line {
                if byte == 0x5B || byte == 0x7B { depth += 1 } else if byte == 0x5D || byte == 0x7D { depth = max(0, depth - 1) }
            }
            if indent > 200 || depth > 100 { return number + 1 }
        }
        return nil
    }

    private static func mistake(_ error: any Error, _ file: String) -> Mistake {
        var mistake = Mistake(file: file, line: 1, column: 1, path: "", text: "not valid YAML")
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _)?, .parser(_, let problem, let mark, _)?, .composer(_, let problem, let mark, _)?:
            (mistake.line, mistake.column, mistake.text) = (mark.line, mark.column, "not valid YAML: \(problem)")
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
        checkSharedBreakers(sections["models"] ?? root)
    }

    private mutating func readServer(_ setting: SettingsReader.Setting) {
        let known = ["host", "port", "max_body", "max_connections", "max_connections_per_address", "drain", "threads"]
        let members = reader.members(of: setting, known: known)
        if let host = members["host"].flatMap({ reader.text($0, where: { !$0.isEmpty }, else: "must be an address or a host name") }) {
            configuration.server.host = host
        }
        if let port = members["port"].flatMap({ reader.integer($0, 0...65_535) }) { configuration.server.port = port }
        if let size = members["max_body"].flatMap({ reader.bytes($0, 1024...(1 << 30)) }) { configuration.server.maximumBody = size }
        if let count = members["max_connections"].flatMap({ reader.integer($0, 1...1_000_000) }) {
            configuration.server.maximumConnections = count
        }
        if let count = members["max_connections_per_address"].flatMap({ reader.integer($0, 1...1_000_000) }) {
            configuration.server.maximumConnectionsPerAddress = count
        }
        if let drain = members["drain"].flatMap({ reader.duration($0, .zero ... .seconds(3600)) }) { configuration.server.drain = drain }
        configuration.server.threads = members["threads"].flatMap { reader.integer($0, 1...256) }
    }

    private mutating func readAuth(_ setting: SettingsReader.Setting) {
        let members = reader.members(of: setting, known: ["admin_key", "keys"])
        configuration.auth.administrator = members["admin_key"].flatMap { readKey($0) }
        var names: Set<String> = [], digests: [Secret] = configuration.auth.administrator.map { [$0] } ?? []
        for element in members["keys"].map({ reader.elements(of: $0) }) ?? [] {
            let key = reader.members(of: element, known: ["name", "key"])
            guard let nameSetting = key["name"], let keySetting = key["key"] else {
                reader.note("needs a name and a key", at: element)
                continue
            }
            let name = reader.text(nameSetting, where: Self.isName, else: "must be 1 to 64 letters, digits, dots, hyphens or underscores")
            guard let name, let secret = readKey(keySetting) else { continue }
            if !names.insert(name).inserted { reader.note("there is a key named '\(name)' already; names must differ", at: nameSetting) }
            if digests.contains(secret) { reader.note("this key is given twice; every key must differ", at: keySetting) }
            digests.append(secret)
            configuration.auth.keys.append((name, secret))
        }
    }

    private mutating func readKey(_ setting: SettingsReader.Setting) -> Secret? {
        reader.text(setting, where: { (8...512).contains($0.utf8.count) && $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } },
                    else: "must be 8 to 512 printable characters without spaces").map { Secret($0) }
    }

    private mutating func readLogging(_ setting: SettingsReader.Setting) {
        let members = reader.members(of: setting, known: ["level", "format", "access"])
        if let level = members["level"].flatMap({ reader.choice($0, of: Configuration.LogLevel.self) }) { configuration.logging.level = level }
        if let format = members["format"].flatMap({ reader.choice($0, of: Configuration.LogFormat.self) }) { configuration.logging.format = format }
        if let access = members["access"].flatMap({ reader.bool($0) }) { configuration.logging.access = access }
    }

    // MARK: Providers

    private mutating func readProvider(_ name: String, _ setting: SettingsReader.Setting) {
        guard Self.isName(name) else {
            return reader.note("a provider's name must be 1 to 64 letters, digits, dots, hyphens or underscores", at: setting)
        }
        let known = ["kind", "base_url", "api_key", "api_keys", "headers", "ca_file", "stream_usage", "max_answer", "concurrency",
                     "first_token", "between_tokens"]
        let members = reader.members(of: setting, known: known)
        guard let kindSetting = members["kind"] else { return reader.note("kind is missing; give one of \(Self.kinds)", at: setting) }
        guard let kind = reader.choice(kindSetting, of: Configuration.ProviderKind.self) else { return }
        var provider = Configuration.Provider(name: name, kind: kind, origin: Origin(isSecure: true, host: "api.openai.com", port: 443), basePath: "/v1")
        if let url = members["base_url"], let text = reader.text(url) {
            if let (origin, path) = Origin.parse(text) { (provider.origin, provider.basePath) = (origin, path) } else {
                reader.note("must be a URL such as https://api.example.com/v1, without user, query or fragment", at: url)
            }
        }
        readKeys(of: &provider, members, setting)
        for header in members["headers"].map({ reader.namedMembers(of: $0) }) ?? [] {
            if let value = reader.text(header.setting, where: Self.isHeaderValue, else: "must be printable ASCII") {
                if Self.isHeaderName(header.name) { provider.headers.append((header.name.lowercased(), value)) } else {
                    reader.note("a header of this name cannot be set", at: header.setting)
                }
            }
        }
        provider.authorities = members["ca_file"].flatMap { reader.text($0, where: FileManager.default.isReadableFile, else: "the file cannot be read") }
        if let asks = members["stream_usage"].flatMap({ reader.bool($0) }) { provider.asksForUsage = asks }
        if let size = members["max_answer"].flatMap({ reader.bytes($0, 1024...(1 << 30)) }) { provider.maximumAnswer = size }
        if let concurrency = members["concurrency"] { provider.concurrency = readConcurrency(concurrency, provider.concurrency ?? BulkheadPolicy()) }
        provider.simulated = readSimulated(name, members)
        configuration.providers.append(provider)
    }

    private static let kinds = Configuration.ProviderKind.allCases.map(\.rawValue).joined(separator: ", ")

    private mutating func readKeys(of provider: inout Configuration.Provider, _ members: [String: SettingsReader.Setting],
                                   _ setting: SettingsReader.Setting) {
        let words = "must be printable ASCII without spaces"
        if let key = members["api_key"].flatMap({ reader.text($0, where: Self.isKey, else: words) }) { provider.keys = [Secret(key)] }
        guard let list = members["api_keys"] else { return }
        if members["api_key"] != nil { reader.note("give either api_key or api_keys", at: list) }
        provider.keys = reader.elements(of: list).compactMap { reader.text($0, where: Self.isKey, else: words) }.map { Secret($0) }
        if Set(provider.keys).count < provider.keys.count { reader.note("a key is given twice", at: list) }
    }

    private mutating func readConcurrency(_ setting: SettingsReader.Setting, _ standard: BulkheadPolicy) -> BulkheadPolicy {
        let members = reader.members(of: setting, known: ["limit", "queue", "wait"])
        var policy = standard
        if let limit = members["limit"].flatMap({ reader.integer($0, 1...100_000) }) { policy.limit = limit }
        if let queue = members["queue"].flatMap({ reader.integer($0, 0...100_000) }) { policy.queue = queue }
        if let wait = members["wait"].flatMap({ reader.duration($0, .milliseconds(1) ... .seconds(60)) }) { policy.maximumWait = wait }
        return policy
    }

    private mutating func readSimulated(_ name: String, _ members: [String: SettingsReader.Setting]) -> SimulatedProvider.Settings {
        var settings = SimulatedProvider.Settings(name: name)
        if let time = members["first_token"].flatMap({ reader.duration($0, .zero ... .seconds(600)) }) { settings.firstToken = time }
        if let time = members["between_tokens"].flatMap({ reader.duration($0, .zero ... .seconds(60)) }) { settings.betweenTokens = time }
        return settings
    }

    // MARK: Models

    private mutating func readModel(_ name: String, _ setting: SettingsReader.Setting) {
        guard (1...256).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return reader.note("a model's name must be 1 to 256 printable characters without spaces", at: setting)
        }
        let members = reader.members(of: setting, known: ["strategy", "targets", "timeouts", "retry", "breaker"])
        var model = Configuration.Model(name: name)
        if let strategy = members["strategy"].flatMap({ reader.choice($0, of: Strategy.self) }) { model.strategy = strategy }
        if let targets = members["targets"] {
            let elements = reader.elements(of: targets)
            if elements.isEmpty { reader.note("needs at least one target", at: targets) }
            if elements.count > 64 { reader.note("may have at most 64 targets", at: targets) }
            model.targets = elements.compactMap { readTarget($0) }
        } else {
            reader.note("targets is missing; name at least one", at: setting)
        }
        if let timeouts = members["timeouts"] { readTimeouts(timeouts, &model) }
        if let retry = members["retry"] { readRetry(retry, &model) }
        if let breaker = members["breaker"] { readBreaker(breaker, &model) }
        configuration.models.append(model)
    }

    private mutating func readTarget(_ setting: SettingsReader.Setting) -> Configuration.Target? {
        let members = reader.members(of: setting, known: ["provider", "model", "weight"])
        guard let providerSetting = members["provider"], let modelSetting = members["model"] else {
            reader.note("needs a provider and a model", at: setting)
            return nil
        }
        guard let provider = reader.text(providerSetting),
              let model = reader.text(modelSetting, where: { (1...256).contains($0.utf8.count) }, else: "must have 1 to 256 bytes") else { return nil }
        let names = configuration.providers.map(\.name)
        if !names.contains(provider) {
            let hint = nearest(provider, names).map { "did you mean '\($0)'?" } ?? "there are: \(names.joined(separator: ", "))"
            reader.note("there is no provider '\(provider.prefix(64))'; \(hint)", at: providerSetting)
        }
        var target = Configuration.Target(provider: provider, model: model)
        if let weight = members["weight"].flatMap({ reader.integer($0, 0...1_000_000) }) { target.weight = weight }
        return target
    }

    private mutating func readTimeouts(_ setting: SettingsReader.Setting, _ model: inout Configuration.Model) {
        let members = reader.members(of: setting, known: ["connect", "head", "first_token", "idle", "total"])
        let range = Duration.milliseconds(1) ... .seconds(3600)
        if let time = members["connect"].flatMap({ reader.duration($0, range) }) { model.limits.connect = time }
        if let time = members["first_token"].flatMap({ reader.duration($0, range) }) {
            model.limits.firstToken = time
            model.limits.head = time
        }
        if let time = members["head"].flatMap({ reader.duration($0, range) }) {
            model.limits.head = time
            model.wholeAnswer = time
        }
        if let time = members["idle"].flatMap({ reader.duration($0, range) }) { model.limits.idle = time }
        if let time = members["total"].flatMap({ reader.duration($0, range) }) { model.limits.total = time }
    }

    private mutating func readRetry(_ setting: SettingsReader.Setting, _ model: inout Configuration.Model) {
        let members = reader.members(of: setting, known: ["max_attempts", "patience"])
        if let count = members["max_attempts"].flatMap({ reader.integer($0, 1...20) }) { model.retry.maximumAttempts = count }
        if let time = members["patience"].flatMap({ reader.duration($0, .zero ... .seconds(600)) }) { model.retry.patience = time }
    }

    private mutating func readBreaker(_ setting: SettingsReader.Setting, _ model: inout Configuration.Model) {
        let known = ["failure_rate", "minimum_calls", "window", "window_calls", "open", "max_open", "slow_call", "slow_call_rate", "probes"]
        let members = reader.members(of: setting, known: known)
        if let rate = members["failure_rate"].flatMap({ reader.number($0, 0.01...1) }) { model.breaker.failureRate = rate }
        if let calls = members["minimum_calls"].flatMap({ reader.integer($0, 1...100_000) }) { model.breaker.minimumCalls = calls }
        if let window = members["window"].flatMap({ reader.duration($0, .milliseconds(100) ... .seconds(3600)) }) { model.breaker.window = .time(window) }
        if let calls = members["window_calls"] {
            if members["window"] != nil { reader.note("give either window or window_calls", at: calls) }
            if let count = reader.integer(calls, 1...100_000) { model.breaker.window = .calls(count) }
        }
        if let time = members["open"].flatMap({ reader.duration($0, .milliseconds(1) ... .seconds(3600)) }) { model.breaker.open.first = time }
        if let time = members["max_open"].flatMap({ reader.duration($0, .milliseconds(1) ... .seconds(86_400)) }) { model.breaker.open.maximum = time }
        if let time = members["slow_call"].flatMap({ reader.duration($0, .milliseconds(1) ... .seconds(3600)) }) {
            model.breaker.slowCallDuration = time
            model.breaker.slowCallRate = 0.8
        }
        if let rate = members["slow_call_rate"] {
            if members["slow_call"] == nil { reader.note("needs slow_call as well", at: rate) }
            if let value = reader.number(rate, 0.01...1) { model.breaker.slowCallRate = value }
        }
        if let probes = members["probes"].flatMap({ reader.integer($0, 1...100) }) { model.breaker.verdict = .consecutiveSuccesses(probes) }
        model.breaker.open.maximum = max(model.breaker.open.maximum, model.breaker.open.first)
    }

    // MARK: The whole

    private mutating func checkExposure(_ setting: SettingsReader.Setting) {
        guard !Loopback.contains(configuration.server.host) else { return }
        if configuration.auth.isEmpty {
            reader.note("a host other than loopback needs keys: set auth.admin_key and auth.keys", at: setting)
        } else if let short = ([configuration.auth.administrator].compactMap(\.self) + configuration.auth.keys.map(\.key))
            .first(where: { $0.reveal { $0.utf8.count } < 32 }) {
            reader.note("on a host other than loopback every key of auth must have at least 32 characters\(short.hint.isEmpty ? "" : " (\(short.hint))")", at: setting)
        }
    }

    /// A target has one breaker, whatever the routes that lead to it.
    private mutating func checkSharedBreakers(_ setting: SettingsReader.Setting) {
        var known: [String: (model: String, breaker: CircuitBreakerPolicy)] = [:]
        for model in configuration.models {
            for target in model.targets {
                let name = "\(target.provider)/\(target.model)"
                if let other = known[name], other.breaker != model.breaker {
                    reader.note("models.\(model.name) and models.\(other.model) share the target \(name), which has one breaker; "
                                + "give both the same breaker settings", at: setting)
                }
                known[name] = (model.name, model.breaker)
            }
        }
    }

    // MARK: Forms

    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.first != 0x2D && text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }
    }

    private static func isKey(_ text: String) -> Bool {
        (1...4096).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    private static func isHeaderValue(_ text: String) -> Bool {
        text.utf8.count <= 4096 && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }

    private static func isHeaderName(_ text: String) -> Bool {
        let own = ["host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding", "expect", "upgrade", "te", "trailer"]
        return isName(text) && !text.contains(".") && !own.contains(text.lowercased())
    }
}

/// Addresses that only this machine can reach.
enum Loopback {
    static func contains(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.") && host.split(separator: ".").count == 4
    }
}
