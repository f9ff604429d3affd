@testable import Resilience

/// What an operation of a vector ends with.
enum Outcome: Sendable, Hashable {
    /// A value, by its word: `success`, `handled_result`, `result 500`.
    case value(String)
    case error(PlayedError)
    case cancelled

    /// - Throws: The error of an outcome that is one.
    func get() throws -> String {
        switch self {
        case .value(let word): return word
        case .error(let error): throw error
        case .cancelled: throw CancellationError()
        }
    }

    var isSuccess: Bool { if case .value = self { true } else { false } }
}

/// What an operation of a vector throws.
struct PlayedError: Error, Hashable {
    /// The vector's word for it.
    var word: String
    /// What the server asked for.
    var retryAfter: Duration?
    /// Whether another attempt may do better.
    var isHandled = true
    /// Whether it says nothing about the other side.
    var isIgnored = false
    /// Which one it is, of all that were thrown.
    var number = 0
}

extension Fields {
    /// The outcome that this value names.
    func outcome() throws -> Outcome {
        let word = try text()
        switch word {
        case "success", "handled_result": return .value(word)
        case "failure", "error", "timeout", "panic": return .error(PlayedError(word: word))
        case "unhandled_error": return .error(PlayedError(word: word, isHandled: false))
        case "ignored": return .error(PlayedError(word: word, isIgnored: true))
        case "cancelled": return .cancelled
        default: break
        }
        if word.hasPrefix("result ") { return .value(word) }
        if word.hasPrefix("Error") || word.hasSuffix("Error") || word.hasSuffix("Exception") {
            return .error(PlayedError(word: word))
        }
        let pushback = "failure+retry_after_ms="
        guard word.hasPrefix(pushback) else { throw unknown }
        return .error(PlayedError(word: "failure", retryAfter: try time(word.dropFirst(pushback.count))))
    }

    private func time(_ text: Substring) throws -> Duration {
        if text == "max" { return .unbounded }
        guard let milliseconds = Double(text), abs(milliseconds) < 9e12 else { throw unknown }
        return .nanoseconds(Int64((milliseconds * 1_000_000).rounded()))
    }

    /// The outcomes that this list names.
    func outcomes() throws -> [Outcome] { try list().map { try $0.outcome() } }
}

/// When a vector's caller is cancelled.
enum Cancellation: Sendable, Hashable {
    case before
    /// While that attempt runs, counted from 0.
    case during(attempt: Int)
    /// While the strategy waits.
    case duringDelay
}

extension Fields {
    /// When the caller is cancelled, by the words of this value.
    func cancellation() throws -> Cancellation {
        let words = try text()
        if words == "before" { return .before }
        if words == "during delay" { return .duringDelay }
        let attempt = "during attempt "
        guard words.hasPrefix(attempt), let number = Int(words.dropFirst(attempt.count)), number >= 0 else {
            throw unknown
        }
        return .during(attempt: number)
    }
}
