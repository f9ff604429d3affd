// swift-tools-version: 6.2
import PackageDescription

let nio = "swift-nio"
let resilience = Target.Dependency.product(name: "Resilience", package: "holdfast")
let resilienceTesting = Target.Dependency.product(name: "ResilienceTesting", package: "holdfast")
let package = Package(
    name: "holdfast-server",
    platforms: [.macOS(.v26)],
    products: [.executable(name: "holdfast", targets: ["holdfast"])],
    dependencies: [
        .package(name: "holdfast", path: ".."),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        // The gateway, from the words of its domain to its front door.
        .target(name: "Bytes"),
        .target(name: "JSON", dependencies: ["Bytes", .product(name: "NIOCore", package: nio)]),
        .target(name: "Generation", dependencies: [.product(name: "NIOCore", package: nio)]),
        .target(name: "Routing", dependencies: ["Generation", resilience]),
        .target(name: "HTTPMessage", dependencies: ["Bytes", .product(name: "NIOCore", package: nio)]),
        .target(
            name: "Upstream",
            dependencies: [
                "Bytes", "Generation", "HTTPMessage",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOTLS", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        .target(
            name: "Dialects",
            dependencies: ["Bytes", "Generation", "JSON", .product(name: "NIOCore", package: nio)]),
        .target(
            name: "Providers",
            dependencies: [
                "Dialects", "Generation", "HTTPMessage", "Upstream",
                .product(name: "NIOCore", package: nio),
            ]),
        .target(
            name: "Gateway",
            dependencies: [
                "Generation", "JSON", resilience, "Routing",
                .product(name: "NIOCore", package: nio),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Metrics", package: "swift-metrics"),
            ]),
        .target(
            name: "GatewayHTTP",
            dependencies: [
                "Bytes", "Dialects", "Gateway", "Generation", "HTTPMessage", "JSON", resilience, "Routing",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Metrics", package: "swift-metrics"),
            ]),
        // Worlds in virtual time, in which routing is tried before it meets real providers.
        .target(name: "Simulation", dependencies: ["Gateway", "Generation", "JSON", resilience, "Routing"]),
        .executableTarget(
            name: "holdfast",
            dependencies: [
                "Gateway", "GatewayHTTP", "Generation", "JSON", "Providers", resilience, "Routing",
                "Simulation", "Upstream",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Yams", package: "Yams"),
            ]),

        // A provider under a test's control, down to the byte.
        .target(
            name: "Wall",
            dependencies: [
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], path: "Tests/Wall"),
        .executableTarget(
            name: "WallTool",
            dependencies: ["Wall", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tests/WallTool"),
        // What a decision of adaptive selection costs.
        .executableTarget(
            name: "SelectionBench", dependencies: ["Gateway", "Generation", resilience, "Routing"],
            path: "Benchmarks/selection"),
        .testTarget(
            name: "WallTests",
            dependencies: [
                "Wall", "WallTool",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
            ]),
        .testTarget(
            name: "Acceptance",
            dependencies: [
                "Simulation", "Wall", "holdfast",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
            ], path: "Tests/Acceptance",
            exclude: [
                "Python/requirements.txt", "Python/sdk.py", "Python/make_model.py", "Python/llama_server.py",
                "Python/accumulators.py", "Browser/page.js",
            ]),
        .testTarget(
            name: "HTTPMessageTests",
            dependencies: [
                "HTTPMessage",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOEmbedded", package: nio),
                .product(name: "NIOHTTP1", package: nio),
            ]),
        .testTarget(name: "BytesTests", dependencies: ["Bytes"]),
        .testTarget(name: "JSONTests", dependencies: ["Bytes", "JSON"]),
        .testTarget(name: "GenerationTests", dependencies: ["Generation"]),
        .testTarget(name: "RoutingTests", dependencies: ["Generation", "Routing", resilience]),
        .testTarget(
            name: "UpstreamTests",
            dependencies: [
                "Upstream", "Generation", "HTTPMessage", "Wall",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOEmbedded", package: nio),
                .product(name: "NIOPosix", package: nio),
            ]),
        .testTarget(
            name: "DialectsTests",
            dependencies: ["Dialects", "Generation", "JSON", .product(name: "NIOCore", package: nio)]),
        .testTarget(
            name: "ProvidersTests",
            dependencies: [
                "Dialects", "Providers", "Generation", "HTTPMessage", .product(name: "NIOCore", package: nio),
            ]),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "Generation", resilience, resilienceTesting, "Routing",
                .product(name: "Metrics", package: "swift-metrics"),
            ]),
        .testTarget(
            name: "GatewayHTTPTests",
            dependencies: [
                "GatewayHTTP", "Generation", "HTTPMessage", resilience, "Upstream",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "Metrics", package: "swift-metrics"),
            ]),
        .testTarget(
            name: "HoldfastTests",
            dependencies: [
                "holdfast", "Gateway", "GatewayHTTP", "Generation", "HTTPMessage", resilience,
                resilienceTesting, "Routing", "Upstream",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "SimulationTests", dependencies: ["Generation", resilience, "Routing", "Simulation"],
            exclude: ["Reference/dump.py", "Reference/play.py"],
            resources: [
                .copy("Reference/stress.json"), .copy("Reference/adversarial.json"),
                .copy("Reference/primary_secondary.json"), .copy("Reference/baselines.json"),
            ]),
    ]
)

// One place for what every target is built with.
for target in package.targets {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .treatAllWarnings(as: .error),
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            // Whether two accesses to a variable overlap is checked while tests run, in debug builds; in the release binary
            // the checks cost a tenth of a request.
            .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
        ]
}
