import Resilience

/// Shows what the strategies do to calls that fail, dawdle or come too often. Takes a few seconds.
///
/// What fails and how long it takes is drawn from a seed, so that two runs show the same but for some milliseconds.
@main
enum Tour {
    static let seed: UInt64 = 7

    static func main() async throws {
        try await flakyService()
        try await slowTail()
        try await rateLimit()
        try await oldValues()
        try await batches()
    }

    static func title(_ text: String) { print("\n== \(text)") }
}

extension Duration {
    /// In milliseconds, rounded.
    var milliseconds: String { "\(Int((self / .milliseconds(1)).rounded())) ms" }
}
