import GatewayHTTP
import Generation

// The sections for the server itself: where it listens, who may ask, what it writes down.
extension ConfigurationLoader {
    mutating func readServer(_ setting: SettingsReader.Setting) {
        let known = [
            "host", "port", "hosts", "cors_origins", "max_body", "body_time", "max_connections",
            "max_connections_per_address", "drain", "threads", "state_file",
        ]
        let members = reader.members(of: setting, known: known)
        if let host = members["host"].flatMap({
            reader.text($0, where: { !$0.isEmpty }, else: "must be an address or a host name")
        }) {
            configuration.server.host = host
        }
        if let port = members["port"].flatMap({ reader.integer($0, 0...65_535) }) {
            configuration.server.port = port
        }
        if let size = members["max_body"].flatMap({ reader.bytes($0, 1024...(1 << 30)) }) {
            configuration.server.maximumBody = size
        }
        if let time = members["body_time"].flatMap({ reader.duration($0, .seconds(1) ... .seconds(86_400)) })
        {
            configuration.server.bodyTime = time
        }
        readWebPages(members)
        if let count = members["max_connections"].flatMap({ reader.integer($0, 1...1_000_000) }) {
            configuration.server.maximumConnections = count
        }
        if let count = members["max_connections_per_address"].flatMap({ reader.integer($0, 1...1_000_000) }) {
            configuration.server.maximumConnectionsPerAddress = count
        }
        if let drain = members["drain"].flatMap({ reader.duration($0, .zero ... .seconds(3600)) }) {
            configuration.server.drain = drain
        }
        let own = reader.file
        configuration.server.stateFile = members["state_file"].flatMap {
            reader.text(
                $0, where: { (1...4096).contains($0.utf8.count) && !$0.hasSuffix("/") && $0 != own },
                else: "must be the path of a file of its own, which need not be there yet")
        }
        configuration.server.threads = members["threads"].flatMap { reader.integer($0, 1...256) }
    }

    private mutating func readWebPages(_ members: Members) {
        for element in members["hosts"].map({ reader.elements(of: $0) }) ?? [] {
            let name = reader.text(
                element, where: { WebPages.hostName($0) != nil },
                else:
                    "must be a host name or an address without scheme, port and path, such as gateway.internal"
            )
            if let name = name.flatMap({ WebPages.hostName($0) }) { configuration.server.hosts.append(name) }
        }
        for element in members["cors_origins"].map({ reader.elements(of: $0) }) ?? [] {
            let origin = reader.text(
                element, where: { WebPages.origin($0) != nil },
                else:
                    "must be an origin as browsers send it: scheme, host and port if it is not the usual one, "
                    + "without a path, such as https://app.example.com or http://localhost:3000")
            if let origin = origin.flatMap({ WebPages.origin($0) }) {
                configuration.server.corsOrigins.append(origin)
                if origin == WebPolicy.anyOrigin { anyOrigin = element }
            }
        }
    }

    /// Without keys a sign for all pages would let every page that somebody opens spend the providers' money.
    mutating func checkWebPages() {
        guard configuration.auth.isEmpty, let anyOrigin else { return }
        reader.note(
            "'*' is accepted only where keys are needed: list the origins of your pages, or set auth.keys",
            at: anyOrigin)
    }

    mutating func readAuth(_ setting: SettingsReader.Setting) {
        let members = reader.members(of: setting, known: ["admin_key", "keys"])
        configuration.auth.administrator = members["admin_key"].flatMap { readKey($0) }
        var names: Set<String> = [], digests: [Secret] = configuration.auth.administrator.map { [$0] } ?? []
        for element in members["keys"].map({ reader.elements(of: $0) }) ?? [] {
            let key = reader.members(of: element, known: ["name", "key"] + Self.preferenceNames)
            guard let nameSetting = key["name"], let keySetting = key["key"] else {
                reader.note("needs a name and a key", at: element)
                continue
            }
            let name = reader.text(
                nameSetting, where: Self.isName,
                else: "must be 1 to 64 letters, digits, dots, hyphens or underscores")
            guard let name, let secret = readKey(keySetting) else { continue }
            if name == "admin" {
                reader.note(
                    "'admin' is what the holder of auth.admin_key is called; choose another name",
                    at: nameSetting)
            }
            if !names.insert(name).inserted {
                reader.note("there is a key named '\(name)' already; names must differ", at: nameSetting)
            }
            if digests.contains(secret) {
                reader.note("this key is given twice; every key must differ", at: keySetting)
            }
            digests.append(secret)
            configuration.auth.keys.append(
                Configuration.Auth.Key(name: name, key: secret, preferences: readPreferences(key)))
        }
    }

    private mutating func readKey(_ setting: SettingsReader.Setting) -> Secret? {
        reader.text(
            setting,
            where: { (8...512).contains($0.utf8.count) && $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } },
            else: "must be 8 to 512 printable characters without spaces"
        ).map { Secret($0) }
    }

    mutating func readLogging(_ setting: SettingsReader.Setting) {
        let members = reader.members(of: setting, known: ["level", "format", "access"])
        if let level = members["level"].flatMap({ reader.choice($0, of: Configuration.LogLevel.self) }) {
            configuration.logging.level = level
        }
        if let format = members["format"].flatMap({ reader.choice($0, of: Configuration.LogFormat.self) }) {
            configuration.logging.format = format
        }
        if let access = members["access"].flatMap({ reader.bool($0) }) {
            configuration.logging.access = access
        }
    }
}
