// swift-tools-version: 6.2
import PackageDescription

// A package of its own, as Fuzz is: `Product` is a link to the sources of the root package, so what is measured is what
// is shipped, and the readers need not become public for it. `scripts/linear.py` runs it; docs/linear.md says more.

let measured: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .unsafeFlags(["-enable-testing"]),
]

/// A module of the product, or those of its files that are needed.
func product(
    _ name: String, _ dependencies: [Target.Dependency], in path: String? = nil, only sources: [String]? = nil
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Product/\(path ?? name)", sources: sources,
        swiftSettings: measured)
}

let resilience = Target.Dependency.product(name: "Resilience", package: "holdfast")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")

let package = Package(
    name: "holdfast-linear",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(name: "holdfast", path: "../../.."),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        product("Bytes", []),
        product("JSON", ["Bytes", nio]),
        product("Generation", [nio]),
        product("Dialects", ["Bytes", "Generation", "JSON", nio]),
        product("HTTPMessage", ["Bytes", nio]),
        product("Routing", ["Generation", resilience]),
        product(
            "Gateway",
            [
                "Generation", "JSON", resilience, "Routing", nio,
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Metrics", package: "swift-metrics"),
            ]),
        product("Simulation", ["Gateway", "Generation", "JSON", resilience, "Routing"]),
        product(
            "Providers", ["Dialects", "Generation", "HTTPMessage", nio], only: ["OpenAI/RetryAfter.swift"]),
        product(
            "Configuration", [.product(name: "Yams", package: "Yams")], in: "holdfast/Configuration",
            only: ["DurationText.swift", "Mistake.swift", "SettingsReader.swift", "Substitution.swift"]),
        .executableTarget(
            name: "linear",
            dependencies: [
                "Configuration", "Dialects", "Gateway", "Generation", "HTTPMessage", "JSON", "Providers",
                "Simulation", nio, .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: measured),
    ]
)
