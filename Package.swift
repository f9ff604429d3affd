// swift-tools-version: 6.2
import PackageDescription

// The library, which depends on nothing. The gateway that is built on it is a package of its own, in Server, so that who
// depends on the library resolves nothing else.
let package = Package(
    name: "holdfast",
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .watchOS(.v11), .visionOS(.v2)],
    products: [
        .library(name: "Resilience", targets: ["Resilience"]),
        .library(name: "ResilienceTesting", targets: ["ResilienceTesting"]),
    ],
    targets: [
        // When, whether and how often to run a call. Standard library only.
        .target(name: "Resilience"),
        .target(name: "ResilienceTesting", dependencies: ["Resilience"]),

        // An app outside the repository that depends on it.
        .testTarget(name: "Adoption", path: "Tests/Adoption", exclude: ["App"]),
        .testTarget(name: "Tidy", path: "Tests/Tidy", exclude: ["sizes.txt", "dependencies.txt"]),
        .testTarget(
            name: "ResilienceTests", dependencies: ["Resilience", "ResilienceTesting"],
            resources: [.copy("Vectors/data")]),
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
        ]
}
