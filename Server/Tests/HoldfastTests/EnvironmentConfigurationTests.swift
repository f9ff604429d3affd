import Generation
import Testing
import Upstream

@testable import holdfast

/// What becomes of keys in the environment when there is no file.
@Suite struct EnvironmentConfigurationTests {
    private static let key = "sk-not-to-be-shown-0123456789"

    private func mistakes(_ environment: [String: String]) -> [String] {
        do throws(ConfigurationLoader.Refused) {
            _ = try EnvironmentConfiguration.read(environment)
            return []
        } catch {
            return error.mistakes.map(\.description)
        }
    }

    @Test(arguments: KnownVendor.all.map(\.name))
    func `each vendor's key makes a provider beside the demonstration`(name: String) throws {
        let vendor = try #require(KnownVendor.all.first { $0.name == name })
        let configuration = try EnvironmentConfiguration.read([vendor.keyVariable: Self.key])
        #expect(configuration.providers.map(\.name) == ["alpha", "beta", "gamma", name])
        let provider = try #require(configuration.providers.last)
        #expect(provider.keys == [Secret(Self.key)])
        #expect("\(provider.origin)\(provider.basePath)" == vendor.url)
        #expect(configuration.directProviders == [name])
        #expect(configuration.shownModels.allSatisfy { $0.hasPrefix(name + "/") })
        #expect(configuration.isDemo && configuration.models.map(\.name) == ["demo"])
        let moved = try EnvironmentConfiguration.read([
            vendor.keyVariable: Self.key, "HOLDFAST_\(name.uppercased())_BASE_URL": "http://127.0.0.1:9/v2",
        ])
        let place = try #require(moved.providers.last)
        #expect("\(place.origin)\(place.basePath)" == "http://127.0.0.1:9/v2")
    }

    @Test func `no model has both real and simulated targets`() throws {
        let keys = Dictionary(uniqueKeysWithValues: KnownVendor.all.map { ($0.keyVariable, Self.key) })
        let configuration = try EnvironmentConfiguration.read(keys)
        let simulated = Set(configuration.providers.filter { $0.kind == .simulated }.map(\.name))
        #expect(configuration.models.flatMap(\.targets).allSatisfy { simulated.contains($0.provider) })
        #expect(simulated.isDisjoint(with: configuration.directProviders))
        #expect(simulated.isDisjoint(with: KnownVendor.all.map(\.name)))
        #expect(Set(configuration.providers.map(\.name)).count == configuration.providers.count)
    }

    @Test func `without keys there is the demonstration and nothing else`() throws {
        let configuration = try EnvironmentConfiguration.read(["PATH": "/bin"])
        #expect(configuration.providers.map(\.name) == ["alpha", "beta", "gamma"])
        #expect(configuration.directProviders.isEmpty && configuration.findings.isEmpty)
    }

    @Test(arguments: ["", " ", "\n", " \t\r\n"])
    func `an empty key makes no provider, and is told`(value: String) throws {
        let configuration = try EnvironmentConfiguration.read(["GROQ_API_KEY": value])
        #expect(configuration.directProviders.isEmpty)
        #expect(configuration.findings == [.init("GROQ_API_KEY", "not used: it is empty")])
    }

    @Test(arguments: ["\(key)\n", " \(key)", "\(key)\r\n", "\t\(key) \n\n"])
    func `spaces and line breaks around a key do not belong to it`(value: String) throws {
        let configuration = try EnvironmentConfiguration.read(["XAI_API_KEY": value])
        #expect(configuration.providers.last?.keys == [Secret(Self.key)])
    }

    @Test(arguments: ["\(key)\n\(key)", "\(key) x", "\(key)\u{7F}", "schlüssel-0123456789", "“\(key)”"])
    func `a key that cannot be sent is a mistake with the variable's name and without the key`(value: String)
        throws
    {
        let mistakes = mistakes(["OPENAI_API_KEY": value])
        #expect(mistakes.count == 1 && mistakes[0].hasPrefix("environment: OPENAI_API_KEY: "), "\(mistakes)")
        #expect(!mistakes.joined().contains("0123456789"))
    }

    @Test func `a vendor can be moved to another address`() throws {
        let configuration = try EnvironmentConfiguration.read([
            "GROQ_API_KEY": Self.key, "HOLDFAST_GROQ_BASE_URL": "http://127.0.0.1:9100/v1/\n",
            "OPENAI_API_KEY": Self.key, "HOLDFAST_OPENAI_BASE_URL": "",
        ])
        let places = configuration.providers.suffix(2).map { "\($0.name) \($0.origin)\($0.basePath)" }
        #expect(places == ["openai https://api.openai.com/v1", "groq http://127.0.0.1:9100/v1"])
    }

    @Test func `the variable that moves an SDK, perhaps to this gateway, moves no provider, and is told`()
        throws
    {
        let configuration = try EnvironmentConfiguration.read([
            "OPENAI_API_KEY": Self.key, "OPENAI_BASE_URL": "http://127.0.0.1:8080/v1",
        ])
        #expect(configuration.providers.last?.origin.host == "api.openai.com")
        #expect(
            configuration.findings.last
                == .init("OPENAI_BASE_URL", "not used: here it is HOLDFAST_OPENAI_BASE_URL that moves openai")
        )
    }

    @Test(arguments: ["nonsense", "ftp://x/v1", "http://user@host/v1", "https://host/v1?x=1", "http://h:0"])
    func `a wrong address is a mistake with the variable's name`(url: String) {
        let mistakes = mistakes(["MISTRAL_API_KEY": Self.key, "HOLDFAST_MISTRAL_BASE_URL": url])
        #expect(
            mistakes == [
                "environment: HOLDFAST_MISTRAL_BASE_URL: must be a URL such as https://api.example.com/v1, without user, query or fragment"
            ])
    }

    @Test func `all mistakes of the environment are told at once`() {
        let mistakes = mistakes([
            "OPENAI_API_KEY": "a b", "GROQ_API_KEY": "a b", "HOLDFAST_GROQ_BASE_URL": "x",
        ])
        #expect(mistakes.count == 3, "\(mistakes)")
    }

    @Test func `with --demo keys are left alone, wrong ones too`() throws {
        let source = ConfigurationSource(
            file: nil, isDemo: true, host: nil, port: nil, environment: ["OPENAI_API_KEY": "a b"])
        #expect(try source.load().directProviders.isEmpty)
    }
}
