import Foundation

/// A real llama.cpp server of a tiny text model, on a port of its own.
struct RealLlamaServer {
    /// Where its API begins.
    let url: String
    private let process: Process
    private let model: URL

    /// Makes the model and starts the server; returns when it is ready.
    init() async throws {
        model = FileManager.default.temporaryDirectory.appendingPathComponent(
            "holdfast-\(UUID().uuidString).gguf")
        let made = try await PythonTools.run("make_model.py", [model.path])
        guard made.status == 0 else { throw PythonTools.Failed(description: made.output) }
        let port = try FreePort.find()
        process = try await PythonTools.start("llama_server.py", [model.path, "\(port)"])
        url = "http://127.0.0.1:\(port)/v1"
    }

    /// Kills the server, as a crash would, and removes the model's file.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        try? FileManager.default.removeItem(at: model)
    }
}
