import Foundation
import Synchronization
import Wall

/// What became of a request.
enum SoakVerdict: Hashable, Sendable {
    /// The whole and right answer of P, or of F.
    case whole(by: String)
    /// A stream that broke off and says so.
    case broken
    /// An error with a code.
    case refused(Int, String)
    /// Its caller left.
    case left
    /// The line to the caller ended in the middle, which any reader of HTTP notices.
    case cut
    /// What must never be.
    case flaw(String)

    /// Judges a reply.
    ///
    /// - Parameter mayBeCut: Whether the line to the caller is not to be relied on.
    init(_ reply: Client.Reply, to request: SoakPlan.Request, _ plan: SoakPlan, mayBeCut: Bool) {
        if request.leavesAfter != nil, !reply.closed {
            self = .left
        } else if !reply.closed || !reply.isWellEnded {
            let words = reply.closed ? "has no proper end" : "did not end in \(SoakCallers.limit)"
            self = mayBeCut ? .cut : .flaw("the reply \(words): \(reply.text.suffix(300))")
        } else if reply.status == 200 {
            self = Self.judge(answer: reply, to: request, plan)
        } else {
            self = Self.judge(refusal: reply)
        }
    }

    private static func judge(answer reply: Client.Reply, to request: SoakPlan.Request, _ plan: SoakPlan)
        -> SoakVerdict
    {
        guard reply.isStream == request.stream else { return .flaw("a stream instead of an answer, or so") }
        let provider = reply.field("x-holdfast-provider") ?? "none"
        let right = provider == "f" ? plan.textOfF(request.user) : plan.textOfP(request.user)
        let reading = Reading(reply)
        if reading.errors > 0 {
            // A fault that adds words without end goes on after the right ones.
            let isPart = right.hasPrefix(reading.text) || reading.text.hasPrefix(right)
            return reading.isToldToBeBroken && isPart
                ? .broken
                : .flaw("a broken stream that is told badly: \(reply.body.suffix(500).debugDescription)")
        }
        return reading.isEnded && reading.text == right
            ? .whole(by: provider)
            : .flaw(
                "a wrong answer as a success: '\(reading.text)', not '\(right)': "
                    + String(reply.body.suffix(300)).debugDescription)
    }

    private static func judge(refusal reply: Client.Reply) -> SoakVerdict {
        guard reply.status >= 400, let code = reply.errorCode, reply.json["choices"] == nil else {
            return .flaw("an error without a code: \(reply.text.suffix(500))")
        }
        return .refused(reply.status, code)
    }
}

/// What a caller reads in an answer. Each event is parsed once, since thousands are.
private struct Reading {
    var text = ""
    /// How many choices are finished.
    var finished = 0
    /// How many events say that the stream broke, and whether the last of all is one, with a code.
    var errors = 0
    var endsWithError = false
    /// How many end marks there are, and whether the last event is one.
    var marks = 0
    var endsWithMark = false
    let isStream: Bool

    init(_ reply: Client.Reply) {
        isStream = reply.isStream
        for event in isStream ? reply.events : [reply.body] { add(event) }
    }

    private mutating func add(_ event: String) {
        endsWithMark = event == "[DONE]"
        endsWithError = false
        if endsWithMark { marks += 1 }
        let object = (try? JSONSerialization.jsonObject(with: Data(event.utf8))) as? [String: Any] ?? [:]
        if let error = object["error"] as? [String: Any] {
            errors += 1
            endsWithError = error["code"] is String
        }
        for choice in object["choices"] as? [[String: Any]] ?? [] {
            let part = choice[isStream ? "delta" : "message"] as? [String: Any]
            text += part?["content"] as? String ?? ""
            if choice["finish_reason"] is String { finished += 1 }
        }
    }

    /// Whether it is whole by its form.
    var isEnded: Bool { finished == 1 && (!isStream || marks == 1 && endsWithMark) }
    /// Whether nothing in it could be taken for the end of a whole answer.
    var isToldToBeBroken: Bool { errors == 1 && endsWithError && marks == 0 && finished == 0 }
}

/// What became of all requests.
struct SoakTally: Sendable {
    private(set) var counts: [SoakVerdict: Int] = [:]
    /// The name of the last request of each kind, to look at it alone.
    private(set) var examples: [SoakVerdict: String] = [:]
    private(set) var flaws: [String] = []
    private(set) var total = 0
    /// The longest time that a request took.
    private(set) var longest = Duration.zero

    mutating func add(_ verdict: SoakVerdict, _ name: String, _ elapsed: Duration) {
        total += 1
        longest = max(longest, elapsed)
        if case .flaw(let words) = verdict {
            // One mistake repeats itself; a few of them tell enough.
            if flaws.count < 20 { flaws.append("\(name): \(words)") }
        } else {
            counts[verdict, default: 0] += 1
            examples[verdict] = name
        }
    }

    /// How often each kind of end was met.
    var summary: String {
        let kinds = counts.map { verdict, count in
            switch verdict {
            case .whole(let provider): "\(count) whole by \(provider)"
            case .broken: "\(count) broken and told"
            case .refused(let status, let code): "\(count) \(status) \(code), as \(examples[verdict] ?? "")"
            case .left: "\(count) left by the caller"
            case .cut: "\(count) cut"
            case .flaw: ""
            }
        }
        return "\(total) requests: " + kinds.sorted().joined(separator: "; ") + "; longest \(longest)"
    }
}

/// A tally that many write at the same time.
final class SoakBook: Sendable {
    private let content = Mutex(SoakTally())

    var tally: SoakTally { content.withLock { $0 } }

    func add(_ verdict: SoakVerdict, _ name: String, _ elapsed: Duration) {
        content.withLock { $0.add(verdict, name, elapsed) }
    }
}
