import Foundation
import Wall

/// A new home in which a document's commands run as they stand, in order: nothing in it but the built binary, an
/// environment of its own, and what the commands themselves leave behind.
final class CleanHome {
    struct Failed: Error, CustomStringConvertible { var description: String }

    /// The port that README names.
    static let port = 8080

    let folder: URL
    private var server: Process?

    /// - Parameter environment: Variables besides PATH and HOME.
    init(_ environment: [String: String]) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("readme-\(UUID().uuidString)")
        let built = folder.appendingPathComponent("Server/.build/debug")
        try FileManager.default.createDirectory(at: built, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            at: built.appendingPathComponent("holdfast"), withDestinationURL: GatewayProcess.binary)
        // Without it curl is content with an error's body, and shows its progress.
        try write("fail-with-body\nsilent\nshow-error\nmax-time = 30\n", to: ".curlrc")
        try write("", to: ".exports")
        try export(environment)
    }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    }

    /// Sets variables for all commands that follow.
    func export(_ environment: [String: String]) throws {
        let file = folder.appendingPathComponent(".exports")
        let lines = environment.map { "export \($0.key)='\($0.value)'\n" }.joined()
        try write(try String(contentsOf: file, encoding: .utf8) + lines, to: ".exports")
    }

    // MARK: Commands

    /// Runs the lines of a block in one shell, which goes on with the variables that the blocks before it exported. A
    /// line that starts the gateway takes the place of the gateway that runs; it is left running.
    ///
    /// - Returns: What the others wrote to the standard output.
    func run(_ block: String) async throws -> String {
        var output = "", script: [String] = []
        for line in block.components(separatedBy: "\n") {
            guard line.hasPrefix("Server/.build/debug/holdfast serve") else {
                script.append(line)
                continue
            }
            output += try await shell(script.joined(separator: "\n"))
            script = []
            try await serve(line)
        }
        return try await output + shell(script.joined(separator: "\n"))
    }

    private func shell(_ script: String) async throws -> String {
        let (status, output, errors) = try await finish(
            process("set -e\n. ./.exports\n\(script)\nexport -p > .exports\n"))
        guard status == 0 else {
            throw Failed(description: "'\(script)' ended with \(status):\n\(output)\n\(errors)")
        }
        return output
    }

    /// Runs a program with arguments.
    func run(_ program: URL, _ arguments: [String]) async throws -> String {
        let process = process("")
        process.executableURL = program
        process.arguments = arguments
        let (status, output, errors) = try await finish(process)
        guard status == 0 else { throw Failed(description: "\(arguments): \(output)\n\(errors)") }
        return output
    }

    private func process(_ script: String) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script]
        process.currentDirectoryURL = folder
        process.environment = ["PATH": "/usr/bin:/bin", "HOME": folder.path, "SWIFT_BACKTRACE": "enable=no"]
        process.standardInput = FileHandle.nullDevice
        return process
    }

    private func finish(_ process: Process) async throws -> (status: Int32, output: String, errors: String) {
        let errors = folder.appendingPathComponent(".errors")
        _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
        let (status, output) = try await process.finish(errors: FileHandle(forWritingTo: errors))
        return (status, output, (try? String(contentsOf: errors, encoding: .utf8)) ?? "")
    }

    // MARK: The gateway

    /// What the gateway printed when it began to listen.
    private(set) var banner = ""

    /// Starts the gateway by a line of the document and waits until it listens.
    func serve(_ line: String) async throws {
        try await stopServer()
        try await Self.demandFreePort()
        let process = process(". ./.exports\nexec \(line)\n")
        let output = folder.appendingPathComponent(".banner"), errors = folder.appendingPathComponent(".log")
        for file in [output, errors] {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.startAlone()
        server = process
        let listens = try await eventually(.seconds(20)) {
            banner = try String(contentsOf: output, encoding: .utf8)
            return banner.contains("try it") || !SystemProcess.isAlive(process.processIdentifier)
        }
        guard listens, banner.contains("listens on http://127.0.0.1:\(Self.port)\n") else {
            throw Failed(
                description: "'\(line)' does not listen: \(try String(contentsOf: errors, encoding: .utf8))")
        }
    }

    /// Ends the gateway as Ctrl-C does.
    func stopServer() async throws {
        guard let process = server else { return }
        server = nil
        process.interrupt()
        let ended = try await eventually(.seconds(10)) { !SystemProcess.isAlive(process.processIdentifier) }
        guard ended else { throw Failed(description: "the gateway does not end on SIGINT") }
    }

    /// README names a port, so the test needs that one.
    private static func demandFreePort() async throws {
        guard let line = try? await Line.open(port) else { return }
        await line.close()
        throw Failed(
            description: "something listens on port \(port), which README's commands need: stop it first")
    }

    deinit {
        if let server, SystemProcess.isAlive(server.processIdentifier) {
            kill(server.processIdentifier, SIGKILL)
        }
        try? FileManager.default.removeItem(at: folder)
    }
}
