import Foundation

/// Python programs in a virtual environment of the tests: official SDKs, and a real llama.cpp server.
enum PythonTools {
    struct Failed: Error, CustomStringConvertible { var description: String }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    private static let environment = GatewayProcess.root.appendingPathComponent("Server/.build/test-python")

    /// The interpreter; the environment is made when it is first asked for, and again when its list changes.
    static func interpreter() throws -> URL { try made.get() }

    private static let made = Result<URL, any Error> { try make() }

    private static func make() throws -> URL {
        let python = environment.appendingPathComponent("bin/python")
        let list = folder.appendingPathComponent("requirements.txt"),
            mark = environment.appendingPathComponent("list")
        let wanted = try Data(contentsOf: list)
        if (try? Data(contentsOf: mark)) == wanted { return python }
        try? FileManager.default.removeItem(at: environment)
        try finish("/usr/bin/env", ["python3", "-m", "venv", environment.path])
        try finish(python.path, ["-m", "pip", "install", "-q", "-r", list.path])
        try wanted.write(to: mark)
        return python
    }

    private static func finish(_ program: String, _ arguments: [String]) throws {
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.startAlone()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(description: "\(arguments): \(String(decoding: output, as: UTF8.self))")
        }
    }

    /// Runs a program of this folder to its end.
    ///
    /// - Returns: What it wrote.
    static func run(_ name: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process(), pipe = Pipe()
        process.executableURL = try interpreter()
        process.arguments = [folder.appendingPathComponent(name).path] + arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.startAlone()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// Starts a program of this folder and waits until it writes `ready`.
    static func start(_ name: String, _ arguments: [String]) async throws -> Process {
        let process = Process(), pipe = Pipe()
        process.executableURL = try interpreter()
        process.arguments = [folder.appendingPathComponent(name).path] + arguments
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.startAlone()
        var output = ""
        while !output.contains("ready") {
            let data = pipe.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failed(description: "\(name) ended: \(output)") }
            output += String(decoding: data, as: UTF8.self)
        }
        return process
    }
}
