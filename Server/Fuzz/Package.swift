// swift-tools-version: 6.2
import PackageDescription

// A package of its own, because flags that SwiftPM calls unsafe would keep others from depending on the library.
// `Product` is a link to the sources of the root package: what is fuzzed is what is shipped, and the parsers need not
// become public for it. Only modules of the product and the fuzzers are instrumented, not their dependencies, so that
// libFuzzer's attention and time go to the parsers.

let instrumented: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // Optimised, but with the checks of the debug build: without them a read beyond a raw buffer's end goes unseen.
    .unsafeFlags(["-sanitize=fuzzer", "-enable-testing", "-assert-config", "Debug"]),
]

/// A module of the product, or those of its files that the fuzzers need.
func product(_ name: String, _ dependencies: [Target.Dependency], only sources: [String]? = nil) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Product/\(name)", sources: sources,
        swiftSettings: instrumented)
}

/// A program of libFuzzer.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: ["Harness"] + dependencies,
        swiftSettings: instrumented + [.unsafeFlags(["-parse-as-library"])],
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])])
}

let resilience = Target.Dependency.product(name: "Resilience", package: "holdfast")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")

let package = Package(
    name: "holdfast-fuzz",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(name: "holdfast", path: "../.."),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
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
        product(
            "Providers", ["Dialects", "Generation", "HTTPMessage", nio], only: ["OpenAI/RetryAfter.swift"]),

        .target(name: "LibFuzzer"),
        .target(name: "Harness", dependencies: ["LibFuzzer"], swiftSettings: instrumented),
        fuzzer("FuzzEventStream", ["Dialects"]),
        fuzzer("FuzzChatStream", ["Dialects", "Generation", "JSON", nio]),
        fuzzer("FuzzChatRequest", ["Dialects", "Generation", nio]),
        fuzzer("FuzzProviderAnswer", ["Dialects", "Generation", "JSON"]),
        fuzzer("FuzzJudgedAnswer", ["Dialects", "Gateway", "Generation", nio]),
        fuzzer("FuzzRequestMessage", ["HTTPMessage", nio]),
        fuzzer("FuzzResponseMessage", ["HTTPMessage", nio]),
        fuzzer("FuzzRetryAfter", ["Dialects", "HTTPMessage", "Providers", nio]),
        fuzzer("FuzzRedactor", ["Generation"]),
    ]
)
