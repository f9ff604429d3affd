#!/bin/bash
# Runs the library's tests under the thread sanitizer; fails if a test does or if a race is reported.
# The sanitizer does not see what the standard library's Mutex does and would take all that it guards for a race. So a
# copy of the sources is built in which Mutex is a lock that it knows (thread-sanitizer/SeenMutex.swift).
#   thread-sanitizer.sh [ARGUMENTS...]   arguments go to swift test, such as --filter Cache
set -euo pipefail
cd "$(dirname "$0")/.."
copy=.build/thread-sanitizer
rm -rf "$copy/Sources" "$copy/Tests"
mkdir -p "$copy/Sources" "$copy/Tests"
cp -r Sources/Resilience Sources/ResilienceTesting "$copy/Sources/"
cp -r Tests/ResilienceTests "$copy/Tests/"
rm -rf "$copy/Tests/ResilienceTests/Documents"  # they read the articles, which are not copied
for target in Sources/Resilience Sources/ResilienceTesting Tests/ResilienceTests; do
    cp scripts/thread-sanitizer/SeenMutex.swift "$copy/$target/"
done
# What is inlined elsewhere could only use the public Mutex.
find "$copy/Sources" -name '*.swift' -exec sed -i -E 's/@(inlinable|usableFromInline)//' {} +
cat > "$copy/Package.swift" <<'MANIFEST'
// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let package = Package(
    name: "sanitized",
    targets: [
        .target(name: "Resilience", swiftSettings: settings),
        .target(name: "ResilienceTesting", dependencies: ["Resilience"], swiftSettings: settings),
        .testTarget(
            name: "ResilienceTests", dependencies: ["Resilience", "ResilienceTesting"],
            resources: [.copy("Vectors/data")], swiftSettings: settings),
    ])
MANIFEST
cd "$copy"
swift build --build-tests --sanitize=thread
# One test after the other: beside each other the suites starve one another, ten times slower, and time limits trip.
TSAN_OPTIONS="halt_on_error=0 exitcode=66" swift test --no-parallel --skip-build --sanitize=thread "$@" 2>&1 | tee report.txt |
    grep -aE 'WARNING: ThreadSanitizer|SUMMARY|recorded an issue|Test run' || true
! grep -aqE 'WARNING: ThreadSanitizer|✘' report.txt
