import Foundation
import Synchronization
import Wall

/// A web site whose page tries what it can at a gateway (`page.js`).
final class Site: Sendable {
    /// What the page is told.
    struct Settings: Encodable {
        /// The gateway's base URL; empty for where the page came from.
        var gateway = ""
        /// The base URL of a gateway in its demonstration.
        var demo = ""
        /// Whether it tries what needs no leave of the browser.
        var blind = false
        /// Whether the name that the page came from points to the gateway from now on.
        var rebind = false
        /// Fields that it sends with its requests.
        var headers: [String: String] = [:]
        /// Where it tells what came of it all.
        var report = ""
    }

    private struct State {
        var settings = Settings()
        var rebind: @Sendable () -> Void = {}
        var results: [String: String]?
    }

    /// Shared with the wall's script, which would otherwise keep the wall alive.
    private final class Box: Sendable {
        let state = Mutex(State())
    }

    let port: Int
    private let wall: Wall
    private let box: Box

    init() async throws {
        let box = Box(), script = try String(contentsOf: Self.script, encoding: .utf8)
        wall = Wall { Self.answer($0, script, box) }
        self.box = box
        port = try await wall.start()
    }

    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("page.js")

    /// Opens the page in a browser.
    ///
    /// - Parameters:
    ///   - address: Where the browser finds it; nil for under the name `localhost`.
    ///   - rebind: Makes the name in `address` point elsewhere.
    /// - Returns: What came of each thing that it tried.
    func open(
        _ settings: Settings, at address: String? = nil, rebind: @escaping @Sendable () -> Void = {}
    ) async throws -> [String: String] {
        var settings = settings
        settings.report = "http://localhost:\(port)/report"
        box.state.withLock { $0 = State(settings: settings, rebind: rebind) }
        let browser = try Browser(opening: address ?? "http://localhost:\(port)/")
        defer { browser.close() }
        guard try await eventually(.seconds(30), { self.box.state.withLock { $0.results } != nil }) else {
            throw Browser.Failed(description: "the page told nothing: \(browser.output.suffix(2000))")
        }
        return box.state.withLock { $0.results } ?? [:]
    }

    private static func answer(_ call: Wall.Call, _ script: String, _ box: Box) -> [Wall.Act] {
        // Each answer ends its connection, so that a name that points elsewhere is not asked on an old one.
        let path = call.head.split(separator: " ").dropFirst().first ?? ""
        switch path {
        case "/":
            let settings = box.state.withLock { try? JSONEncoder().encode($0.settings) } ?? Data()
            let config = String(decoding: settings, as: UTF8.self)
            let html = "<!doctype html><body><script>const config = \(config);\n\(script)</script>"
            return [Answer.response(200, html, type: "text/html", fields: ["connection: close"]), .finish]
        case "/rebind": box.state.withLock { $0.rebind }()
        case "/report":
            let results =
                (try? JSONSerialization.jsonObject(with: Data(call.body.utf8))) as? [String: Any] ?? [:]
            box.state.withLock { $0.results = results.mapValues { "\($0)" } }
        default: break
        }
        return [Answer.response(200, "", type: "text/plain", fields: ["connection: close"]), .finish]
    }
}

/// A real Chromium without a window.
final class Browser {
    struct Failed: Error, CustomStringConvertible { var description: String }

    private let process = Process()
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "browser-\(UUID().uuidString)")

    init(opening address: String) throws {
        let binary = ["/usr/bin/chromium", "/usr/local/bin/chromium"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        guard let binary else {
            throw Failed(description: "chromium is missing; make check-test-tools installs it")
        }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let log = folder.appendingPathComponent("log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--user-data-dir=\(folder.appendingPathComponent("profile").path)",
            // The names that the tests use, and nothing else in the world.
            "--host-resolver-rules=MAP localhost 127.0.0.1, MAP evil.example.com 127.0.0.1, MAP * ~NOTFOUND, "
                + "EXCLUDE 127.0.0.1",
            address,
        ]
        process.environment = ["PATH": "/usr/bin:/bin", "HOME": folder.path]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: log)
        try process.startAlone()
    }

    /// What it said of itself.
    var output: String {
        (try? String(contentsOf: folder.appendingPathComponent("log"), encoding: .utf8)) ?? ""
    }

    func close() {
        process.terminate()
        for _ in 0..<1000 where SystemProcess.isAlive(process.processIdentifier) { usleep(5000) }
        if SystemProcess.isAlive(process.processIdentifier) { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: folder)
    }
}
