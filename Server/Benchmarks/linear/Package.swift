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
        product("Generation", [nio]),
        product("HTTPMessage", [nio]),
        product("Routing", ["Generation", resilience]),
        product(
            "Gateway",
            [
                "Generation", resilience, "Routing", nio,
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Metrics", package: "swift-metrics"),
            ]),
        product("Simulation", ["Gateway", "Generation", resilience, "Routing"]),
        product(
            "Providers", ["Generation", "HTTPMessage", nio],
            only: [
                "EventStream", "OpenAI/AnsweredChoice+Reading.swift", "OpenAI/ChunkScan.swift",
                "OpenAI/CompletionAsStream.swift", "OpenAI/CompletionAssembler.swift",
                "OpenAI/CompletionScan.swift", "OpenAI/ErrorBody.swift", "OpenAI/JSONTree.swift",
                "OpenAI/JSONTree+Containers.swift", "OpenAI/MembersSeen.swift", "OpenAI/RetryAfter.swift",
                "OpenAI/SplicedStream.swift", "OpenAI/ToolCalls.swift", "OpenAI/UsageScan.swift",
            ]),
        product(
            "GatewayHTTP", ["Gateway", "Generation", "HTTPMessage", "Routing", nio],
            only: [
                "OpenAIAPI/ChatRequestScan.swift", "OpenAIAPI/MessageParts.swift",
                "OpenAIAPI/Modalities.swift",
                "OpenAIAPI/OpenAIErrors.swift",
                "OpenAIAPI/PreferenceHeaders.swift", "Exchange/ReplyWriter.swift",
            ]),
        product(
            "Configuration", [.product(name: "Yams", package: "Yams")], in: "holdfast/Configuration",
            only: ["DurationText.swift", "Mistake.swift", "SettingsReader.swift", "Substitution.swift"]),
        .executableTarget(
            name: "linear",
            dependencies: [
                "Configuration", "Gateway", "GatewayHTTP", "Generation", "HTTPMessage", "Providers",
                "Simulation", nio, .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: measured),
    ]
)
