import Foundation

/// The real binary, run to its end.
enum Command {
    struct Result {
        var status: Int32
        /// What it wrote, to either output.
        var output: String
    }

    /// Runs the binary; a configuration goes into a file whose name is the last argument.
    static func run(
        _ arguments: [String], configuration: String? = nil, environment: [String: String] = [:]
    ) throws -> Result {
        let process = Process(), pipe = Pipe()
        process.executableURL = GatewayProcess.binary
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"]
            .merging(environment) { $1 }
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("holdfast-\(UUID().uuidString).yaml")
        if let configuration {
            try Data(configuration.utf8).write(to: file)
            process.arguments?.append(file.path)
        }
        defer { try? FileManager.default.removeItem(at: file) }
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.startAlone()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(status: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
    }
}
