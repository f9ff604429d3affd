import Foundation
import Synchronization
import Testing

// A check is a function that returns what it found wrong, so that the same check can be made where the defence has
// been taken away and must then find something.

/// Waits until `condition` holds.
///
/// - Returns: Whether it did within `limit`.
func eventually(_ limit: Duration = .seconds(3), _ condition: () async throws -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return try await condition()
}

/// How many connections to a port of this machine are established, by the system's own table.
func establishedConnections(to port: Int) -> Int {
    // The table tells no length and comes a page at a time, so it is read to its end.
    let table = try? FileHandle(forReadingAtPath: "/proc/net/tcp")?.readToEnd()
    let hex = String(port, radix: 16, uppercase: true)
    let place = "0100007F:" + String(repeating: "0", count: 4 - hex.count) + hex
    // After a connection's local address comes its remote one, then its state; 01 is established.
    return String(decoding: table ?? Data(), as: UTF8.self).components(separatedBy: " \(place) 01 ").count - 1
}

/// Gathers what is wrong.
struct Flaws {
    private(set) var texts: [String] = []

    /// Notes `words` unless `holds`.
    mutating func expect(_ holds: Bool, _ words: @autoclosure () -> String) {
        if !holds { texts.append(words()) }
    }

    static func += (flaws: inout Flaws, more: [String]) { flaws.texts += more }
}

extension [String] {
    /// The same flaws with the name of the case in which they were found.
    func of(_ name: String) -> [String] { map { "\(name): \($0)" } }
}

/// Thrown to end a test whose flaws were recorded.
private struct FoundFlaws: Error, CustomStringConvertible {
    var description: String { "the test ends here" }
}

/// Expects that a check found nothing, and ends the test otherwise: what follows may be the consequence.
func requireFlawless(_ flaws: [String], _ location: SourceLocation = #_sourceLocation) throws {
    for flaw in flaws { Issue.record(Comment(rawValue: flaw), sourceLocation: location) }
    if !flaws.isEmpty { throw FoundFlaws() }
}

extension Client.Reply {
    /// What is wrong with it as the whole and only answer of a provider.
    func flaws(asAnswerOf provider: String, _ text: String, within limit: Duration) -> [String] {
        var flaws = Flaws()
        flaws.expect(status == 200, "the status is \(status): \(body.prefix(300))")
        flaws.expect(answer == text, "the answer is '\(answer.prefix(100))', not '\(text.prefix(100))'")
        flaws.expect(isWellEnded, "the response has no proper end")
        flaws.expect(
            field("x-holdfast-provider") == provider,
            "the provider is \(field("x-holdfast-provider") ?? "none")")
        flaws.expect(
            !isStream || hasFinish && hasDone && ends == 1, "the stream has \(ends) ends: \(events.suffix(2))"
        )
        flaws.expect(elapsed < limit, "it took \(elapsed), more than \(limit)")
        return flaws.texts
    }

    /// What is wrong with it as F's answer in place of P's.
    func flaws(asAnswerOfFWithin limit: Duration = .seconds(1)) -> [String] {
        flaws(asAnswerOf: "f", Pair.answerOfF, within: limit)
    }

    /// What is wrong with it as P's answer.
    func flaws(asAnswerOfPWithin limit: Duration = .seconds(1)) -> [String] {
        flaws(asAnswerOf: "p", Pair.answerOfP, within: limit)
    }

    /// What is wrong with it as a refusal before anything was delivered, that no client should repeat by itself; or any may,
    /// or nil for whichever.
    func flaws(
        asRefusal status: Int, _ code: String, within limit: Duration = .seconds(1), repeatable: Bool? = false
    )
        -> [String]
    {
        var flaws = Flaws()
        flaws.expect(
            self.status == status, "the status is \(self.status), not \(status): \(body.prefix(300))")
        flaws.expect(errorCode == code, "the code is \(errorCode ?? "none"), not \(code)")
        flaws.expect(isWellEnded && !isStream, "the response has no proper end")
        let wish = field("x-should-retry")
        if let repeatable {
            flaws.expect(wish == "\(repeatable)", "x-should-retry is \(wish ?? "not given")")
        }
        flaws.expect(elapsed < limit, "it took \(elapsed), more than \(limit)")
        return flaws.texts
    }

    /// What is wrong with it as a stream that broke off after `text`: one typed error event and nothing that could be
    /// taken for the end of a whole answer.
    func flaws(asBrokenStreamAfter text: String, within limit: Duration = .seconds(1)) -> [String] {
        var flaws = Flaws()
        flaws.expect(status == 200 && isStream, "the status is \(status): \(body.prefix(300))")
        flaws.expect(answer == text, "'\(answer.suffix(100))' was delivered, not '\(text.suffix(100))'")
        flaws.expect(
            errorEvents.count == 1, "there are \(errorEvents.count) error events: \(events.suffix(3))")
        flaws.expect(events.last == errorEvents.last, "the error event is not the last: \(events.suffix(3))")
        flaws.expect(errorCode == "stream_interrupted", "the code is \(errorCode ?? "none")")
        flaws.expect(!body.contains("[DONE]"), "there is an end mark")
        flaws.expect(!hasFinish, "there is a finish reason")
        flaws.expect(isWellEnded, "the response has no proper end")
        flaws.expect(elapsed < limit, "it took \(elapsed), more than \(limit)")
        return flaws.texts
    }
}

/// A switch that a test turns while a wall reads it.
final class Flag: Sendable {
    private let isOn = Mutex(false)

    var value: Bool {
        get { isOn.withLock { $0 } }
        set { isOn.withLock { $0 = newValue } }
    }
}

/// A value that a test changes while a wall reads it.
final class Box<Value: Sendable>: Sendable {
    private let content: Mutex<Value>

    init(_ value: Value) { content = Mutex(value) }

    /// Changes the value while nobody else can.
    func change(_ body: (inout Value) -> Void) { content.withLock { body(&$0) } }

    var value: Value {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }
}
