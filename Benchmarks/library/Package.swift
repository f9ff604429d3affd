// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "library-benchmarks",
    platforms: [.macOS(.v26)],
    dependencies: [.package(name: "holdfast", path: "../..")],
    targets: [
        .executableTarget(
            name: "bench",
            dependencies: [.product(name: "Resilience", package: "holdfast")],
            swiftSettings: [.enableUpcomingFeature("NonisolatedNonsendingByDefault")])
    ]
)
