import Foundation

/// Python programs in a virtual environment of the tests (`scripts/test-python.sh`): official SDKs, and a real llama.cpp server.
enum PythonTools {
    struct Failed: Error, CustomStringConvertible { var description: String }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    /// The interpreter, made by `make test` before its tests, or else by the first test that asks for it.
    static func interpreter() async throws -> URL { try await made.value }

    private static let made = Task {
        let process = Process()
        process.executableURL = GatewayProcess.root.appendingPathComponent("scripts/test-python.sh")
        let (status, output) = try await process.finish()
        guard status == 0 else { throw Failed(description: output) }
        return GatewayProcess.root.appendingPathComponent("Server/.build/test-python/bin/python")
    }

    /// Runs a program of this folder to its end.
    ///
    /// - Returns: What it wrote.
    static func run(_ name: String, _ arguments: [String]) async throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = try await interpreter()
        process.arguments = [folder.appendingPathComponent(name).path] + arguments
        return try await process.finish()
    }

    /// Starts a program of this folder and waits until it writes `ready`.
    static func start(_ name: String, _ arguments: [String]) async throws -> Process {
        let process = Process(), pipe = Pipe()
        process.executableURL = try await interpreter()
        process.arguments = [folder.appendingPathComponent(name).path] + arguments
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.startAlone()
        // On a thread of its own, as in `Process.finish`.
        let output = await withCheckedContinuation { waiter in
            Thread.detachNewThread {
                var output = ""
                while !output.contains("ready") {
                    let data = pipe.fileHandleForReading.availableData
                    guard !data.isEmpty else { break }
                    output += String(decoding: data, as: UTF8.self)
                }
                waiter.resume(returning: output)
            }
        }
        guard output.contains("ready") else { throw Failed(description: "\(name) ended: \(output)") }
        return process
    }
}
