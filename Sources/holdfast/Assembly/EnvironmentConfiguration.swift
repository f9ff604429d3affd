import Generation
import Providers
import Resilience
import Upstream

/// Configurations that are made without a file.
enum EnvironmentConfiguration {
    /// Providers that a key in the environment is enough for, and some of their models to show.
    private static let known: [(variable: String, name: String, url: String, models: [String])] = [
        (
            "OPENAI_API_KEY", "openai", "https://api.openai.com/v1",
            ["gpt-5.6-luna", "gpt-6.1-sol", "gpt-6-astra"]
        ),
        ("GROQ_API_KEY", "groq", "https://api.groq.com/openai/v1", []),
        ("DEEPSEEK_API_KEY", "deepseek", "https://api.deepseek.com/v1", ["deepseek-chat"]),
        ("MISTRAL_API_KEY", "mistral", "https://api.mistral.ai/v1", ["mistral-large-latest"]),
        ("OPENROUTER_API_KEY", "openrouter", "https://openrouter.ai/api/v1", []),
        ("TOGETHER_API_KEY", "together", "https://api.together.xyz/v1", []),
        ("XAI_API_KEY", "xai", "https://api.x.ai/v1", []),
    ]

    /// A configuration of the providers whose keys are in the environment; nil if there are none.
    static func fromKeys(_ environment: [String: String]) -> Configuration? {
        var configuration = Configuration()
        for (variable, name, url, models) in known {
            guard let key = environment[variable], !key.isEmpty, let (origin, path) = Origin.parse(url) else {
                continue
            }
            configuration.providers.append(
                Configuration.Provider(
                    name: name, kind: .openai, origin: origin, basePath: path, keys: [Secret(key)]))
            configuration.shownModels += models.map { "\(name)/\($0)" }
        }
        configuration.allowsDirectNames = true
        return configuration.providers.isEmpty ? nil : configuration
    }

    /// Three simulated providers behind one model, for a first look without an account.
    static var demo: Configuration {
        var configuration = Configuration()
        configuration.isDemo = true
        let origin = Origin(isSecure: false, host: "simulated", port: 1)
        for (index, name) in ["alpha", "beta", "gamma"].enumerated() {
            var provider = Configuration.Provider(name: name, kind: .simulated, origin: origin, basePath: "")
            provider.simulated = SimulatedProvider.Settings(
                name: name, firstToken: .milliseconds(60 + 20 * index))
            configuration.providers.append(provider)
        }
        var model = Configuration.Model(name: "demo")
        model.targets = configuration.providers.map {
            Configuration.Target(provider: $0.name, model: "\($0.name)-1")
        }
        configuration.models = [model]
        return configuration
    }
}
