import Foundation
import Generation
import Providers
import Resilience
import Upstream

// The sections for the providers.
extension ConfigurationLoader {
    mutating func readProvider(_ name: String, _ setting: SettingsReader.Setting) {
        providerNames.append(name)
        guard Self.isName(name) else {
            return reader.note(
                "a provider's name must be 1 to 64 letters, digits, dots, hyphens or underscores", at: setting
            )
        }
        let known = [
            "kind", "base_url", "api_key", "api_keys", "headers", "ca_file", "stream_usage", "max_answer",
            "concurrency",
            "first_token", "between_tokens",
        ]
        let members = reader.members(of: setting, known: known)
        guard let kindSetting = members["kind"] else {
            return reader.note("kind is missing; give one of \(Self.kinds)", at: setting)
        }
        guard let kind = reader.choice(kindSetting, of: Configuration.ProviderKind.self) else { return }
        var provider = Configuration.Provider(
            name: name, kind: kind, origin: Origin(isSecure: true, host: "api.openai.com", port: 443),
            basePath: "/v1")
        if let url = members["base_url"], let text = reader.text(url) {
            if let (origin, path) = Origin.parse(text) {
                (provider.origin, provider.basePath) = (origin, path)
            } else {
                reader.note(
                    "must be a URL such as https://api.example.com/v1, without user, query or fragment",
                    at: url)
            }
        }
        readKeys(of: &provider, members, setting)
        for header in members["headers"].map({ reader.namedMembers(of: $0) }) ?? [] {
            if let value = reader.text(
                header.setting, where: Self.isHeaderValue, else: "must be printable ASCII")
            {
                if Self.isHeaderName(header.name) {
                    provider.headers.append((header.name.lowercased(), value))
                } else {
                    reader.note("a header of this name cannot be set", at: header.setting)
                }
            }
        }
        provider.authorities = members["ca_file"].flatMap {
            reader.text($0, where: FileManager.default.isReadableFile, else: "the file cannot be read")
        }
        if let asks = members["stream_usage"].flatMap({ reader.bool($0) }) { provider.asksForUsage = asks }
        if let size = members["max_answer"].flatMap({ reader.bytes($0, 1024...(1 << 30)) }) {
            provider.maximumAnswer = size
        }
        if let concurrency = members["concurrency"] {
            provider.concurrency = readConcurrency(concurrency, provider.concurrency ?? BulkheadPolicy())
        }
        provider.simulated = readSimulated(name, members)
        configuration.providers.append(provider)
    }

    private static let kinds = Configuration.ProviderKind.allCases.map(\.rawValue).joined(separator: ", ")

    private mutating func readKeys(
        of provider: inout Configuration.Provider, _ members: [String: SettingsReader.Setting],
        _ setting: SettingsReader.Setting
    ) {
        let words = "must be printable ASCII without spaces"
        if let key = members["api_key"].flatMap({ reader.text($0, where: Self.isKey, else: words) }) {
            provider.keys = [Secret(key)]
        }
        guard let list = members["api_keys"] else { return }
        if members["api_key"] != nil { reader.note("give either api_key or api_keys", at: list) }
        provider.keys = reader.elements(of: list).compactMap {
            reader.text($0, where: Self.isKey, else: words)
        }.map { Secret($0) }
        if Set(provider.keys).count < provider.keys.count { reader.note("a key is given twice", at: list) }
    }

    private mutating func readConcurrency(_ setting: SettingsReader.Setting, _ standard: BulkheadPolicy)
        -> BulkheadPolicy
    {
        let members = reader.members(of: setting, known: ["limit", "queue", "wait"])
        var policy = standard
        if let limit = members["limit"].flatMap({ reader.integer($0) }) { policy.limit = limit }
        if let queue = members["queue"].flatMap({ reader.integer($0) }) { policy.queue = queue }
        if let wait = members["wait"].flatMap({ reader.duration($0, .milliseconds(1) ... .seconds(60)) }) {
            policy.maximumWait = wait
        }
        note(policy.problems, ["limit": "limit", "queue": "queue"], members, in: setting)
        return policy
    }

    private mutating func readSimulated(_ name: String, _ members: [String: SettingsReader.Setting])
        -> SimulatedProvider.Settings
    {
        var settings = SimulatedProvider.Settings(name: name)
        if let time = members["first_token"].flatMap({ reader.duration($0, .zero ... .seconds(600)) }) {
            settings.firstToken = time
        }
        if let time = members["between_tokens"].flatMap({ reader.duration($0, .zero ... .seconds(60)) }) {
            settings.betweenTokens = time
        }
        return settings
    }

    static func isKey(_ text: String) -> Bool {
        (1...4096).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    private static func isHeaderValue(_ text: String) -> Bool {
        text.utf8.count <= 4096 && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }

    private static func isHeaderName(_ text: String) -> Bool {
        let own = [
            "host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding",
            "expect", "upgrade", "te", "trailer",
        ]
        return isName(text) && !text.contains(".") && !own.contains(text.lowercased())
    }
}
