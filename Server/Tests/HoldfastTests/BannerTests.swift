import Foundation
import Testing

@testable import holdfast

/// What the gateway prints when it listens.
@Suite struct BannerTests {
    private static let key = "sk-not-to-be-shown-0123456789"

    private func banner(_ environment: [String: String]) throws -> String {
        Banner.text(try EnvironmentConfiguration.read(environment), port: 8080)
    }

    @Test func `without keys it prints the demonstration's commands and says nothing of the environment`()
        throws
    {
        let text = try banner([:])
        #expect(text.contains("listens on http://127.0.0.1:8080\n"))
        #expect(text.contains(#"-d '{"model": "demo", "#))
        #expect(
            text.contains(
                #"curl -X POST http://127.0.0.1:8080/demo/faults/alpha -H 'content-type: application/json' -d '{"mode":"down"}'"#
            ))
        #expect(!text.contains("environment") && !text.contains("real model"))
    }

    @Test func `with a key the first command is still the demonstration's, and the next asks a real model`()
        throws
    {
        let text = try banner(["OPENAI_API_KEY": Self.key])
        let demo = try #require(text.range(of: #""model": "demo""#))
        let real = try #require(text.range(of: #""model": "openai/gpt-6-luna""#))
        #expect(demo.lowerBound < real.lowerBound)
        #expect(text.contains("/demo/faults/alpha"))
    }

    @Test func `it says what was found, what became of it and what is not spoken yet, and shows no key`()
        throws
    {
        let text = try banner([
            "OPENAI_API_KEY": Self.key, "GROQ_API_KEY": " ", "TOGETHER_API_KEY": Self.key,
            "HOLDFAST_TOGETHER_BASE_URL": "http://127.0.0.1:9100/v1",
            "HOLDFAST_XAI_BASE_URL": "http://127.0.0.1:9100/v1", "ANTHROPIC_API_KEY": Self.key,
            "GOOGLE_API_KEY": Self.key, "GEMINI_API_KEY": "", "AZURE_OPENAI_API_KEY": Self.key,
        ])
        for line in [
            #"OPENAI_API_KEY +used for the provider openai"#,
            #"GROQ_API_KEY +not used: it is empty"#,
            #"TOGETHER_API_KEY +used for the provider together at http://127.0.0.1:9100/v1 \(HOLDFAST_TOGETHER_BASE_URL\)"#,
            #"HOLDFAST_XAI_BASE_URL +not used: there is no XAI_API_KEY"#,
            #"ANTHROPIC_API_KEY +not used: the API of Anthropic is not spoken yet"#,
            #"GOOGLE_API_KEY +not used: the API of Gemini is not spoken yet"#,
            #"AZURE_OPENAI_API_KEY +not used: the API of Azure OpenAI is not spoken yet"#,
        ] {
            #expect(text.contains(try Regex(line + "\n")), "\(line) is missing in\n\(text)")
        }
        #expect(!text.contains("GEMINI_API_KEY"), "an empty key of a vendor that is not spoken says nothing")
        #expect(!text.contains(Self.key))
    }

    @Test func `a vendor whose models are not listed says how to name them`() throws {
        let text = try banner(["OPENROUTER_API_KEY": Self.key])
        #expect(text.contains(#""model": "openrouter/MODEL""#))
        #expect(text.contains("             openrouter/MODEL\n"))
        #expect(
            try banner(["GROQ_API_KEY": Self.key]).contains("groq/MODEL, such as groq/openai/gpt-oss-20b\n"))
    }
}
