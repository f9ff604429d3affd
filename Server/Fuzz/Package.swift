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
        product(
            "Providers", ["Generation", "HTTPMessage", nio],
            only: [
                "EventStream", "OpenAI/AnsweredChoice+Reading.swift", "OpenAI/ChunkScan.swift",
                "OpenAI/CompletionScan.swift",
                "OpenAI/ToolCalls.swift",
                "OpenAI/ErrorBody.swift",
                "OpenAI/MembersSeen.swift", "OpenAI/OpenAIRequestBody.swift", "OpenAI/RetryAfter.swift",
                "OpenAI/UsageScan.swift",
            ]),
        product(
            "GatewayHTTP", ["Gateway", "Generation", "HTTPMessage", "Routing", nio],
            only: [
                "OpenAIAPI/ChatRequestScan.swift", "OpenAIAPI/MessageParts.swift",
                "OpenAIAPI/Modalities.swift",
                "OpenAIAPI/OpenAIErrors.swift",
                "OpenAIAPI/PreferenceHeaders.swift",
                "Exchange/ReplyWriter.swift",
            ]),

        .target(name: "LibFuzzer"),
        .target(name: "Harness", dependencies: ["LibFuzzer"], swiftSettings: instrumented),
        fuzzer("FuzzEventStream", ["Providers"]),
        fuzzer("FuzzChatRequest", ["GatewayHTTP", "Generation", "Providers", nio]),
        fuzzer("FuzzProviderAnswer", ["Generation", "Providers"]),
        fuzzer("FuzzJudgedAnswer", ["Gateway", "Generation", "Providers", nio]),
        fuzzer("FuzzRequestMessage", ["HTTPMessage", nio]),
        fuzzer("FuzzResponseMessage", ["HTTPMessage", nio]),
        fuzzer("FuzzRetryAfter", ["HTTPMessage", "Providers", nio]),
        fuzzer("FuzzRedactor", ["Generation"]),
    ]
)
