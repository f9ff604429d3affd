import Foundation
import Routing

/// What the person at the terminal sees when the gateway listens.
enum Banner {
    static func show(_ configuration: Configuration, port: Int) {
        FileHandle.standardOutput.write(Data(text(configuration, port: port).utf8))
    }

    /// Where it listens, what is behind it, and commands that work as they stand.
    static func text(_ configuration: Configuration, port: Int) -> String {
        let server = configuration.server
        let host = server.host.contains(":") ? "[\(server.host)]" : server.host
        let base = "http://\(host):\(port)"
        var lines = ["holdfast \(Holdfast.version) listens on \(base)", ""]
        let providers = configuration.providers.map { "\($0.name) (\($0.kind.rawValue))" }
        lines += section("providers", [providers.joined(separator: ", ")])
        lines += section("models", models(configuration))
        lines += section("environment", found(configuration.findings))
        let model = configuration.models.first?.name ?? "MODEL"
        lines += ["", "try it:"] + question(base, model, withKey: !configuration.auth.isEmpty)
        if configuration.isDemo {
            lines += [
                "", "make the first provider fail, then ask again:",
                #"  curl -X POST \#(base)/demo/faults/\#(configuration.providers.first?.name ?? "alpha") -H 'content-type: application/json' -d '{"mode":"down"}'"#,
                "  (modes: ok, down, slow, hang, cut, rate_limited)",
            ]
        }
        if let provider = configuration.directProviders.first {
            // One that is known by name, if there is any, so that the command works as it stands.
            let model = configuration.shownModels.first ?? "\(provider)/MODEL"
            lines += ["", "ask a real model, which costs money:"] + question(base, model, withKey: false)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func section(_ title: String, _ lines: [String]) -> [String] {
        lines.enumerated().map { index, line in
            (index == 0 ? title : "").padding(toLength: 13, withPad: " ", startingAt: 0) + line
        }
    }

    private static func models(_ configuration: Configuration) -> [String] {
        configuration.models.map { model in
            let targets = model.targets.map { "\($0.provider)/\($0.model)" }.joined(separator: ", ")
            return "\(model.name) (\(model.strategy.rawValue): \(targets))"
        }
            + configuration.directProviders.map { provider in
                let known = configuration.shownModels.first { $0.hasPrefix(provider + "/") }
                return "\(provider)/MODEL" + (known.map { ", such as \($0)" } ?? "")
            }
    }

    private static func found(_ findings: [Configuration.Finding]) -> [String] {
        let width = findings.map(\.variable.count).max() ?? 0
        return findings.map {
            $0.variable.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $0.outcome
        }
    }

    private static func question(_ base: String, _ model: String, withKey: Bool) -> [String] {
        ["  curl \(base)/v1/chat/completions -H 'content-type: application/json' \\"]
            + (withKey ? ["    -H \"authorization: Bearer $KEY\" \\"] : [])
            + [#"    -d '{"model": "\#(model)", "messages": [{"role": "user", "content": "Hello"}]}'"#]
    }
}
