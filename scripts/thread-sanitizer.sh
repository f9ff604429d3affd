#!/bin/bash
# Runs tests under the thread sanitizer; fails if one does or if a race is reported.
# The sanitizer does not see what the standard library's Mutex does and would take all that it guards for a race. So a
# copy of the sources is built in which Mutex is a lock that it knows (thread-sanitizer/SeenMutex.swift).
#   thread-sanitizer.sh library [ARGUMENTS...]   the library's tests
#   thread-sanitizer.sh server [ARGUMENTS...]    those of the front, the gateway in process and exchanges with providers
# ARGUMENTS go to swift test, such as --filter Cache
set -euo pipefail
cd "$(dirname "$0")/.."
what=$1 copy=.build/thread-sanitizer
shift
# What runs of the server, with what it needs.
server=(Bytes JSON Generation HTTPMessage Routing Upstream Dialects Gateway GatewayHTTP Wall)
server_tests=(HTTPMessageTests UpstreamTests GatewayTests GatewayHTTPTests)

# copy FOLDER: with the lock in it
copy() {
    mkdir -p "$copy/$(dirname "$1")"
    cp -r "$1" "$copy/$(dirname "$1")/"
    cp scripts/thread-sanitizer/SeenMutex.swift "$copy/$1/"
}

rm -rf "$copy/Sources" "$copy/Tests" "$copy/Server/Sources" "$copy/Server/Tests"
for folder in Sources/Resilience Sources/ResilienceTesting Tests/ResilienceTests; do copy $folder; done
rm -rf "$copy/Tests/ResilienceTests/Documents"  # they read the articles, which are not copied
cat > "$copy/Package.swift" <<'MANIFEST'
// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let package = Package(
    name: "holdfast",
    products: [
        .library(name: "Resilience", targets: ["Resilience"]),
        .library(name: "ResilienceTesting", targets: ["ResilienceTesting"]),
    ],
    targets: [
        .target(name: "Resilience", swiftSettings: settings),
        .target(name: "ResilienceTesting", dependencies: ["Resilience"], swiftSettings: settings),
        .testTarget(
            name: "ResilienceTests", dependencies: ["Resilience", "ResilienceTesting"],
            resources: [.copy("Vectors/data")], swiftSettings: settings),
    ])
MANIFEST

package=.
if [ "$what" = server ]; then
    package=Server
    for target in "${server[@]}"; do
        if [ -d "Server/Sources/$target" ]; then copy "Server/Sources/$target"; else copy "Server/Tests/$target"; fi
    done
    for target in "${server_tests[@]}"; do copy "Server/Tests/$target"; done
    cp Server/Package.swift Server/Package.resolved "$copy/Server/"
    wanted=$(printf '"%s", ' "${server[@]}" "${server_tests[@]}")
    cat >> "$copy/Server/Package.swift" <<MANIFEST

let wanted = [$wanted]
package.products = []
package.targets.removeAll { !wanted.contains(\$0.name) }
MANIFEST
fi
cd "$copy"
# What is inlined elsewhere could only use the public Mutex.
find Sources Server/Sources -name '*.swift' -exec sed -i -E 's/@(inlinable|usableFromInline)//' {} + 2> /dev/null || true
swift build --package-path $package --build-tests --sanitize=thread
# One test after the other: beside each other the suites starve one another, ten times slower, and time limits trip.
TSAN_OPTIONS="halt_on_error=0 exitcode=66" \
    swift test --package-path $package --no-parallel --skip-build --sanitize=thread "$@" 2>&1 | tee report.txt |
    grep -aE 'WARNING: ThreadSanitizer|SUMMARY|recorded an issue|Test run' || true
grep -aq 'Test run with' report.txt
! grep -aqE 'WARNING: ThreadSanitizer|✘' report.txt
