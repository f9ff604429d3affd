// swift-tools-version: 6.2
import PackageDescription

// The same calls from a module in plain Swift 6, and from one whose functions keep the caller's isolation by default, as
// the library's do: what is inlined into them differs. `Sources/plain` is a link to `Sources/featured`.
let counted: [Target.Dependency] = [.product(name: "Resilience", package: "holdfast"), "Counting"]

let package = Package(
    name: "library-benchmarks",
    platforms: [.macOS(.v26)],
    dependencies: [.package(name: "holdfast", path: "../..")],
    targets: [
        .target(name: "Counting"),
        .executableTarget(name: "plain", dependencies: counted),
        .executableTarget(
            name: "featured", dependencies: counted,
            swiftSettings: [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]),
    ]
)
