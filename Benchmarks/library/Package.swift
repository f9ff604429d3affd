// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "library-benchmarks",
    platforms: [.macOS(.v26)],
    dependencies: [.package(name: "holdfast", path: "../..")],
    targets: [
        .target(name: "CountedMalloc"),
        .executableTarget(
            name: "bench",
            dependencies: [.product(name: "Resilience", package: "holdfast"), "CountedMalloc"],
            swiftSettings: [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]),
    ]
)
