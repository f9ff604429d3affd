import Foundation
import Synchronization
import Wall

/// The real binary, running.
final class GatewayProcess: Sendable {
    struct Failed: Error, CustomStringConvertible { var description: String }

    let port: Int
    let pid: Int32
    let directory: URL
    private let process: Mutex<Process>
    private let places: Int
    private let holder: Int
    private let isStopped = Mutex(false)

    /// The binary under test: HOLDFAST_BINARY, or the debug build of this package.
    static var binary: URL {
        if let path = ProcessInfo.processInfo.environment["HOLDFAST_BINARY"] {
            return URL(fileURLWithPath: path)
        }
        return root.appendingPathComponent("Server/.build/debug/holdfast")
    }

    /// The repository.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Starts the binary and waits until it listens.
    ///
    /// - Parameters:
    ///   - configuration: The text of its configuration file; nil for none.
    ///   - places: Its share of the stage; all of it for a test that keeps the machine busy.
    init(
        _ configuration: String?, arguments: [String] = [], environment: [String: String] = [:],
        places: Int = 1
    ) async throws {
        self.places = places
        directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("holdfast-\(UUID().uuidString)")
        holder = await Stage.shared.enter(places)
        do {
            let process = try Self.start(configuration, arguments, environment, in: directory)
            pid = process.processIdentifier
            port = try await Self.waitForPort(directory, process)
            self.process = Mutex(process)
        } catch {
            Stage.shared.leave(places, of: holder)
            throw error
        }
    }

    private static func start(
        _ configuration: String?, _ arguments: [String], _ environment: [String: String],
        in directory: URL
    ) throws -> Process {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = binary
        process.arguments = ["serve", "--port", "0"] + arguments
        if let configuration {
            let file = directory.appendingPathComponent("holdfast.yaml")
            try Data(configuration.utf8).write(to: file)
            process.arguments? += ["--config", file.path]
        }
        process.environment = [
            "PATH": "/usr/bin:/bin", "HOME": directory.path, "SWIFT_BACKTRACE": "enable=no",
        ]
        .merging(environment) { $1 }
        for name in ["stdout", "stderr"] {
            _ = FileManager.default.createFile(
                atPath: directory.appendingPathComponent(name).path, contents: nil)
        }
        let outputs = try ["stdout", "stderr"].map {
            try FileHandle(forWritingTo: directory.appendingPathComponent($0))
        }
        (process.standardOutput, process.standardError) = (outputs[0], outputs[1])
        process.standardInput = FileHandle.nullDevice
        // They are the other process's now.
        defer { for output in outputs { try? output.close() } }
        try process.startAlone()
        return process
    }

    private static func waitForPort(_ directory: URL, _ process: Process) async throws -> Int {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            let text = Self.text("stdout", in: directory)
            if let match = text.firstMatch(of: #/listens on http://[^ \n]*:(\d+)/#), let port = Int(match.1),
                text.contains("try it")
            {
                return port
            }
            if !process.isRunning {
                let errors = Self.text("stderr", in: directory)
                throw Failed(description: "it ended with \(process.terminationStatus): \(errors)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        process.terminate()
        throw Failed(description: "it did not listen within 20 s")
    }

    var isRunning: Bool { SystemProcess.isAlive(pid) }
    var standardOutput: String { Self.text("stdout", in: directory) }
    var standardError: String { Self.text("stderr", in: directory) }

    private static func text(_ name: String, in directory: URL) -> String {
        (try? String(contentsOf: directory.appendingPathComponent(name), encoding: .utf8)) ?? ""
    }

    /// The memory in use, in MiB.
    var residentMegabytes: Double {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let kilobytes = status.firstMatch(of: #/VmRSS:\s+(\d+)/#).flatMap { Double($0.1) } ?? 0
        return kilobytes / 1024
    }

    /// The number of open descriptors.
    var descriptors: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0
    }

    func signal(_ number: Int32) {
        kill(pid, number)
    }

    func replaceConfiguration(_ text: String) throws {
        try Data(text.utf8).write(to: directory.appendingPathComponent("holdfast.yaml"))
    }

    /// Waits until it has ended.
    ///
    /// - Returns: The exit status; nil if it still runs after `limit`.
    func waitForExit(_ limit: Duration) async -> Int32? {
        let deadline = ContinuousClock.now + limit
        while isRunning {
            if ContinuousClock.now >= deadline { return nil }
            try? await Task.sleep(for: .milliseconds(10))
        }
        while process.withLock({ $0.isRunning }) {
            if ContinuousClock.now >= deadline + .seconds(5) { return nil }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return process.withLock { $0.terminationStatus }
    }

    /// Kills it and removes its files.
    func stop() {
        let isFirst = isStopped.withLock { isStopped in
            defer { isStopped = true }
            return !isStopped
        }
        guard isFirst else { return }
        if isRunning { kill(pid, SIGKILL) }
        // Not by waiting for Foundation to notice, which may last as long as another process of the tests.
        for _ in 0..<1000 where isRunning { usleep(2000) }
        try? FileManager.default.removeItem(at: directory)
        Stage.shared.leave(places, of: holder)
    }

    deinit { stop() }
}
