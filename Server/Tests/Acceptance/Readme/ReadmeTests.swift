import Foundation
import Testing
import Wall

/// README's commands, run as they stand and in their order against the real binary.
///
/// One run after the other, since README names a port.
@Suite(.serialized) struct Readme {
    /// The blocks that are not run, by their first line, and why.
    private static let notRun = [
        "make run      # builds and starts the gateway; the first build takes some minutes":
            "it builds the package, which a test of the package cannot do; `makeRun` starts what it starts"
    ]

    /// What `make run` does when everything is built.
    private static let makeRun = "Server/.build/debug/holdfast serve --port 8080"

    private static let key = "sk-wall-readme-key-0123456789"

    /// The providers of README's configuration, with a wall in the place of each.
    private static func putInPlace(_ wall: String, in configuration: String) -> String {
        var text = configuration.replacingOccurrences(
            of: "openai: { kind: openai, ", with: #"openai: { kind: openai, base_url: "\#(wall)", "#)
        for place in ["https://api.groq.com/openai/v1", "http://127.0.0.1:11434/v1"] {
            text = text.replacingOccurrences(of: place, with: wall)
        }
        return text
    }

    @Test(arguments: [false, true])
    func `every command of README does what README says`(withKeys: Bool) async throws {
        let stage = await Stage.shared.enter(2)
        defer { Stage.shared.leave(2, of: stage) }
        let wall = Wall { Answer.good($0) }
        let place = "http://127.0.0.1:\(try await wall.start())/v1"
        let home = try CleanHome(
            withKeys
                ? [
                    "OPENAI_API_KEY": Self.key, "GROQ_API_KEY": Self.key, "HOLDFAST_OPENAI_BASE_URL": place,
                    "HOLDFAST_GROQ_BASE_URL": place,
                ] : [:])
        try await home.serve(Self.makeRun)
        #expect(home.banner.contains("OPENAI_API_KEY") == withKeys)
        // From here on keys may be set, which must not lead to the vendors themselves.
        try home.export(["HOLDFAST_OPENAI_BASE_URL": place, "HOLDFAST_GROQ_BASE_URL": place])
        let document = try Document.named("README.md")
        var shown = ShownOutput(), commands = 0
        for (index, block) in document.blocks.enumerated() {
            let words = Comment(rawValue: "README.md:\(block.line)")
            switch block.language {
            case "sh":
                let output = try await home.run(shown.replacingIDs(in: block.text))
                commands += 1
                guard let next = document.blocks.dropFirst(index + 1).first, next.isOutput else { break }
                let flaws = shown.flaws(of: output, shown: next.text, language: next.language)
                #expect(flaws == [], "README.md:\(next.line), where this was printed: \(output)")
            case "yaml":
                let name = try #require(block.firstLine.firstMatch(of: #/^# (\S+\.yaml)$/#)?.1, words)
                let asItStands = try await Command.run(
                    ["check"], configuration: block.text,
                    environment: ["OPENAI_API_KEY": Self.key, "GROQ_API_KEY": Self.key])
                #expect(asItStands.status == 0, "README.md:\(block.line): \(asItStands.output)")
                let text = Self.putInPlace(place, in: block.text)
                #expect(!text.contains("https://") && !text.contains("11434"), words)
                try home.write(text, to: String(name))
            case "python":
                let output = try await home.run(PythonTools.interpreter(), ["-c", block.text])
                #expect(output == "Hello from the wall.", words)
            // Swift is compiled by `make docs`; the rest is looked at below or with its command.
            default: break
            }
        }
        try await home.stopServer()
        #expect(commands >= 8, "README's commands were not found")
        #expect(
            wall.ledger.calls.map(\.model) == ["gpt-6-luna", "gpt-6-luna"],
            "one by its direct name, one by the model of the file, and none for the demonstration")
    }

    @Test func `every block of README is run, shown as output, compiled, or left out for a reason`() throws {
        let document = try Document.named("README.md")
        for block in document.blocks where !block.isOutput {
            #expect(
                ["sh", "yaml", "python", "swift", "console"].contains(block.language),
                "README.md:\(block.line): a block of commands is marked sh, or console if it cannot be run")
        }
        let left = document.blocks.filter { $0.language == "console" }.map(\.firstLine)
        #expect(Set(left) == Set(Self.notRun.keys), "each block marked console has its reason here")
    }

    @Test func `the test starts the gateway as make run does`() throws {
        let makefile = try String(
            contentsOf: GatewayProcess.root.appendingPathComponent("Makefile"), encoding: .utf8)
        let command = Self.makeRun.replacingOccurrences(of: "8080", with: "$(PORT) $(ARGS)")
        #expect(makefile.contains("\nPORT ?= 8080\n") && makefile.contains("\n\texec \(command)\n"))
    }
}
