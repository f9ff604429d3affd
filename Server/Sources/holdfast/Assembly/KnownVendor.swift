/// A provider that a key in the environment is enough for: its address is known, and it speaks OpenAI's API.
struct KnownVendor: Sendable {
    /// The provider's name here. Callers name its models `NAME/MODEL`.
    let name: String
    /// Where it is, unless ``urlVariable`` says otherwise.
    let url: String
    /// Some of its chat models for `/v1/models`, the one to try first. Any other name is passed on as well.
    let models: [String]

    /// The variable with its key.
    var keyVariable: String { "\(name.uppercased())_API_KEY" }
    /// The variable with another address for it, such as a proxy's. Not ``sdkVariable``: with that one applications find
    /// this gateway.
    var urlVariable: String { "HOLDFAST_\(name.uppercased())_BASE_URL" }
    /// The variable by which the vendor's own SDK is moved.
    var sdkVariable: String { "\(name.uppercased())_BASE_URL" }

    /// All of them. OpenRouter and Together serve hundreds of models that come and go, so none is named here.
    static let all = [
        KnownVendor(
            name: "openai", url: "https://api.openai.com/v1",
            models: [
                "gpt-6-luna", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-astra", "gpt-6-sol", "gpt-5.6-luna",
                "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.5", "gpt-5.4", "gpt-5.4-mini",
            ]),
        KnownVendor(
            name: "groq", url: "https://api.groq.com/openai/v1",
            models: ["openai/gpt-oss-20b", "openai/gpt-oss-120b"]),
        KnownVendor(
            name: "deepseek", url: "https://api.deepseek.com/v1",
            models: ["deepseek-v4-flash", "deepseek-v4-pro"]),
        KnownVendor(
            name: "mistral", url: "https://api.mistral.ai/v1",
            models: ["mistral-small-latest", "mistral-medium-3-5", "mistral-large-4", "codestral-latest"]),
        KnownVendor(name: "openrouter", url: "https://openrouter.ai/api/v1", models: []),
        KnownVendor(name: "together", url: "https://api.together.xyz/v1", models: []),
        KnownVendor(name: "xai", url: "https://api.x.ai/v1", models: ["grok-4.7"]),
    ]

    /// Variables with keys of providers whose own API is not spoken yet, and whose they are.
    static let notSpoken = [
        ("ANTHROPIC_API_KEY", "Anthropic"), ("GEMINI_API_KEY", "Gemini"), ("GOOGLE_API_KEY", "Gemini"),
        ("AZURE_OPENAI_API_KEY", "Azure OpenAI"), ("COHERE_API_KEY", "Cohere"), ("CO_API_KEY", "Cohere"),
        ("AWS_BEARER_TOKEN_BEDROCK", "Bedrock"),
    ]
}
