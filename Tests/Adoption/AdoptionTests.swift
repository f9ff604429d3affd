import Foundation
import Testing

/// An app outside the repository that depends on the library by its path, as others do: in plain Swift 6, with default
/// settings.
@Suite struct Adoption {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static let manifest = """
        // swift-tools-version: 6.0
        import PackageDescription

        let package = Package(
            name: "App", platforms: [.macOS(.v15), .iOS(.v18)],
            dependencies: [.package(name: "holdfast", path: "\(root.path)")],
            targets: [
                .executableTarget(name: "App", dependencies: [.product(name: "Resilience", package: "holdfast")])
            ])
        """

    @Test func `an app resolves no package but this one, builds, and runs every strategy`() throws {
        let app = FileManager.default.temporaryDirectory.appendingPathComponent("app-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: app) }
        let sources = app.appendingPathComponent("Sources/App")
        try FileManager.default.createDirectory(at: sources, withIntermediateDirectories: true)
        try Data(Self.manifest.utf8).write(to: app.appendingPathComponent("Package.swift"))
        try FileManager.default.copyItem(
            at: Self.root.appendingPathComponent("Tests/Adoption/App/main.swift"),
            to: sources.appendingPathComponent("main.swift"))

        let clock = ContinuousClock()
        let resolving = try clock.measure { _ = try Self.run(["swift", "package", "resolve"], in: app) }
        let tree = try JSONDecoder().decode(
            Tree.self,
            from: Self.run(["swift", "package", "show-dependencies", "--format", "json"], in: app))
        #expect(tree.all == ["holdfast"], "an app resolves these: \(tree.all)")
        #expect(!FileManager.default.fileExists(atPath: app.appendingPathComponent("Package.resolved").path))
        let building = try clock.measure { _ = try Self.run(["swift", "build", "-q"], in: app) }
        let output = try Self.run([app.appendingPathComponent(".build/debug/App").path], in: app)
        #expect(String(decoding: output, as: UTF8.self).hasSuffix("\n19 strategies\n"))
        print("an app: 1 package, resolved in \(resolving.shown), built from nothing in \(building.shown)")
    }

    /// What `swift package show-dependencies` prints.
    private struct Tree: Decodable {
        var name: String
        var dependencies: [Tree]

        /// The names of all packages below.
        var all: [String] { dependencies.flatMap { [$0.name] + $0.all } }
    }

    /// - Returns: What it wrote to its standard output.
    private static func run(_ command: [String], in folder: URL) throws -> Data {
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = folder
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(command): \(String(decoding: data, as: UTF8.self))")
        return data
    }
}

extension Duration {
    fileprivate var shown: String { formatted(.units(allowed: [.seconds], fractionalPart: .show(length: 1))) }
}
