import ArgumentParser
import Foundation
import Wall

/// The wall for use by hand: a provider that misbehaves as the model's name says.
@main struct Tool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wall",
        abstract: "A provider that misbehaves as the name of the model says.",
        discussion: "Ask it for good, slow-500, or fault- and a name of the list.")

    @Option(help: "The port for chat requests; 0 for any.") var port = 9100
    @Option(help: "The port for the ledger, scripts and starting afresh.") var control: Int?
    @Flag(help: "Print the faults and end.") var list = false

    func run() async throws {
        if list { return print(Self.table) }
        let provider = ScriptedProvider()
        let port = try await provider.wall.start(port: port)
        say("the wall listens on http://127.0.0.1:\(port)/v1")
        let desk = ControlDesk(provider)
        if let control {
            say("its control listens on http://127.0.0.1:\(try await desk.wall.start(port: control))")
        }
        try await Task.sleep(for: .seconds(1 << 30))
        _ = desk
    }

    /// Prints at once, since whoever starts it from a script waits for it.
    private func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

    static var table: String {
        let names = [
            ("good", "A right answer."), ("slow-500", "A right answer after 500 ms, or any other time."),
        ]
        let width = Fault.all.map(\.model.count).max() ?? 0
        let rows = names + Fault.all.map { ($0.model, $0.about + remark($0)) }
        return rows.map { $0.padding(to: width + 2) + $1 }.joined(separator: "\n")
    }

    private static func remark(_ fault: Fault) -> String {
        let words: [(Fault.Trait, String)] = [
            (.right, "right in the end"), (.heavy, "megabytes"), (.long, "a minute or more"),
            (.lasting, "remembered for long"),
        ]
        let remarks = words.filter { fault.traits.contains($0.0) }.map(\.1)
        return remarks.isEmpty ? "" : " (\(remarks.joined(separator: ", ")))"
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
