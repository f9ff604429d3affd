import Gateway
import Generation
import NIOCore
import Resilience
import Synchronization

/// A caller that writes down what it is told, and says at once if that is not as promised: one of a whole answer, a stream
/// with one end, or a refusal, and nothing after it.
final class ScriptedCaller: ReplySink {
    /// What it does.
    struct Manner: Sendable {
        /// How long it takes to read each part.
        var pause = Duration.zero
        /// What it still hears before it leaves; nil to stay.
        var leavesAfter: Int?
    }

    /// What it was told in the end.
    enum End: String, Sendable {
        case whole, finished, interrupted, refused
    }

    /// What it has heard.
    struct Heard: Sendable {
        var calls = 0
        var hasBegun = false
        var text = ""
        var end: End?
        var flaw: String?
        var failure: GatewayFailure?
        /// When it left by itself.
        var leftAt: Instant?
        /// The time it took to read.
        var reading = Duration.zero
        var faults: [String] = []
    }

    private let manner: Manner
    private let time: TimeSource
    private let state = Mutex(Heard())

    init(_ manner: Manner, _ time: TimeSource) {
        self.manner = manner
        self.time = time
    }

    var heard: Heard { state.withLock { $0 } }

    func deliver(_ reply: WholeReply, _ summary: DecisionSummary) async throws(CallerLeft) {
        try await hear("a whole answer") { heard in
            if heard.hasBegun { heard.faults.append("a whole answer after the beginning of a stream") }
            heard.text = String(buffer: reply.body)
            heard.flaw = summary.flaw
            heard.end = .whole
        }
    }

    func begin(_ summary: DecisionSummary) async throws(CallerLeft) {
        try await hear("the beginning of a stream") { heard in
            if heard.hasBegun { heard.faults.append("a stream begins twice") }
            heard.hasBegun = true
            heard.flaw = summary.flaw
        }
    }

    func deliver(_ piece: ReplyPiece) async throws(CallerLeft) {
        try await hear("a part") { heard in
            if !heard.hasBegun { heard.faults.append("a part of no stream") }
            heard.text += String(buffer: piece.bytes).replacing(ScriptedAnswer.preamble, with: "")
        }
    }

    func finish() async throws(CallerLeft) {
        try await hear("the end of a stream") { heard in
            if !heard.hasBegun { heard.faults.append("the end of no stream") }
            heard.end = .finished
        }
    }

    func interrupt(_ failure: AttemptFailure) async throws(CallerLeft) {
        try await hear("an interruption") { heard in
            if !heard.hasBegun { heard.faults.append("no stream is interrupted") }
            heard.end = .interrupted
        }
    }

    func refuse(_ failure: GatewayFailure, _ summary: DecisionSummary) async throws(CallerLeft) {
        try await hear("a refusal") { heard in
            if heard.hasBegun { heard.faults.append("a refusal after the beginning of a stream") }
            heard.failure = failure
            heard.end = .refused
        }
    }

    private func hear(_ what: String, _ note: (inout Heard) -> Void) async throws(CallerLeft) {
        let now = time.now
        let leaves = state.withLock { heard in
            if let end = heard.end { heard.faults.append("\(what) after the end, which was \(end)") }
            if heard.leftAt != nil { heard.faults.append("\(what) after the caller has left") }
            if let most = manner.leavesAfter, heard.calls >= most {
                heard.leftAt = heard.leftAt ?? now
                return true
            }
            heard.calls += 1
            note(&heard)
            return false
        }
        if leaves { throw CallerLeft() }
        guard manner.pause > .zero else { return }
        let woke = (try? await time.sleep(for: manner.pause)) != nil
        let after = time.now
        state.withLock { heard in
            heard.reading += after.since(now)
            if !woke { heard.leftAt = after }
        }
        if !woke { throw CallerLeft() }
    }
}

extension GatewayFailure {
    /// Its case, for traces.
    var word: String { String(String(describing: self).prefix { $0 != "(" }) }
}
