import Foundation
import Routing

/// What the person at the terminal sees when the gateway listens.
enum Banner {
    static func show(_ configuration: Configuration, port: Int) {
        let server = configuration.server
        let host = server.host.contains(":") ? "[\(server.host)]" : server.host
        let base = "http://\(host):\(port)"
        let model =
            configuration.models.first?.name ?? configuration.shownModels.first
            ?? configuration.providers.first.map { "\($0.name)/MODEL" } ?? "MODEL"
        var lines = ["holdfast \(Holdfast.version) listens on \(base)", ""]
        lines.append(
            "providers  "
                + configuration.providers.map { "\($0.name) (\($0.kind.rawValue))" }.joined(separator: ", "))
        let models =
            configuration.models.map { model in
                "\(model.name) (\(model.strategy.rawValue): \(model.targets.map { "\($0.provider)/\($0.model)" }.joined(separator: ", ")))"
            } + configuration.shownModels
        lines.append(
            "models     " + (models.isEmpty ? "PROVIDER/MODEL" : models.joined(separator: "\n           ")))
        lines += ["", "try it:", "  curl \(base)/v1/chat/completions -H 'content-type: application/json' \\"]
        if !configuration.auth.isEmpty { lines.append("    -H \"authorization: Bearer $KEY\" \\") }
        lines.append(#"    -d '{"model": "\#(model)", "messages": [{"role": "user", "content": "Hello"}]}'"#)
        if configuration.isDemo {
            lines += [
                "", "make the first provider fail, then ask again:",
                #"  curl \#(base)/demo/faults/\#(configuration.providers.first?.name ?? "alpha") -H 'content-type: application/json' -d '{"mode":"down"}'"#,
                "  (modes: ok, down, slow, hang, cut, rate_limited)",
            ]
        }
        FileHandle.standardOutput.write(Data((lines.joined(separator: "\n") + "\n").utf8))
    }
}
