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
    ) async throws -> Result {
        let holder = await Stage.shared.enter(1)
        defer { Stage.shared.leave(1, of: holder) }
        let process = Process()
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
        process.standardInput = FileHandle.nullDevice
        let (status, output) = try await process.finish()
        return Result(status: status, output: output)
    }
}
