import Dialects
public import Generation
import NIOCore
import Synchronization

/// A provider inside the process: always the same words for the same prompt, and faults that can be switched on.
///
/// It lets the first call and the first failover work on a machine without an account, and tests without a network.
public final class SimulatedProvider: Provider {
    /// What goes wrong.
    public enum Fault: String, Sendable, CaseIterable {
        /// Nothing.
        case ok
        /// Connections are refused.
        case down
        /// Everything takes ten times as long.
        case slow
        /// Nothing is ever answered.
        case hang
        /// The answer breaks off in the middle.
        case cut
        /// Every request is one too many.
        case rateLimited = "rate_limited"
    }

    /// What a simulated provider is like.
    public struct Settings: Sendable, Hashable {
        /// The provider's name.
        public var name: String
        /// The time to the first token. Default: 80 ms.
        public var firstToken: Duration
        /// The time between two tokens. Default: 15 ms.
        public var betweenTokens: Duration

        /// Creates settings.
        public init(
            name: String, firstToken: Duration = .milliseconds(80),
            betweenTokens: Duration = .milliseconds(15)
        ) {
            self.name = name
            self.firstToken = firstToken
            self.betweenTokens = betweenTokens
        }
    }

    /// The provider's name.
    public let name: String
    /// One that is no key, since none is needed.
    public let credentials = [Credential(index: 0, label: "no key", identity: "")]
    let settings: Settings
    private let sleep: @Sendable (Duration) async throws -> Void
    private let wallClock: @Sendable () -> Int64
    private let current = Mutex(Fault.ok)

    /// Creates a provider without faults that waits on `clock`.
    public init<C: Clock>(_ settings: Settings, clock: C, wallClock: @escaping @Sendable () -> Int64)
    where C.Duration == Duration {
        name = settings.name
        self.settings = settings
        self.wallClock = wallClock
        sleep = { duration in try await clock.sleep(until: clock.now.advanced(by: duration), tolerance: nil) }
    }

    /// What goes wrong now; may be changed at any time and holds for requests that begin afterwards.
    public var fault: Fault {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    /// Answers, or fails as it was switched to.
    public func attempt(_ call: ProviderCall) async throws(AttemptFailure) -> Reply {
        let fault = fault, pace = fault == .slow ? 10 : 1
        switch fault {
        case .down:
            throw AttemptFailure(
                .systemError, cause: "refused", phase: .connect,
                message: "the provider does not accept connections",
                requestWasSent: false)
        case .rateLimited:
            throw AttemptFailure(
                .rateLimit, cause: "rate_limit", phase: .head, status: 429, code: "rate_limit_exceeded",
                message: "Rate limit reached for requests", retryAfter: .seconds(20))
        case .ok, .slow, .hang, .cut: break
        }
        let words = SimulatedAnswer.words(from: name, to: call.request)
        let answer = SimulatedAnswer(
            writer: ChatAnswerWriter(call.request.id, created: wallClock(), model: call.model),
            model: call.model, words: words)
        let first = fault == .hang ? .seconds(86_400) : settings.firstToken * pace
        let wait = call.request.streams ? first : first + settings.betweenTokens * (pace * words.count)
        let limit = call.request.streams ? min(call.limits.head, call.limits.firstToken) : call.limits.head
        try await pause(min(wait, limit, call.limits.total), call.cancellation)
        if wait > min(limit, call.limits.total) {
            throw AttemptFailure(
                .timeout, cause: "timed_out", phase: .head, message: "the provider did not answer in time")
        }
        if call.request.streams {
            let stream = SimulatedStream(
                answer, cuts: fault == .cut, pause: settings.betweenTokens * pace,
                wantsUsage: call.request.wantsUsage, sleep: sleep)
            switch call.goingOn {
            case nil: return .stream(stream)
            // Its words are its own: it cannot be given a beginning.
            case .fromScratch(let delivered)?, .prefilled(let delivered, _)?:
                return .stream(SplicedStream(stream, .fromScratch(delivered)))
            }
        }
        if fault == .cut { throw SimulatedAnswer.cut }
        return .whole(WholeReply(body: answer.whole, facts: answer.facts))
    }

    private func pause(_ duration: Duration, _ cancellation: CancellationToken?) async throws(AttemptFailure)
    {
        do {
            guard let cancellation else { return try await sleep(duration) }
            let (cancelled, cancel) = AsyncStream<Never>.makeStream()
            cancellation.onCancel { cancel.finish() }
            try await withThrowingTaskGroup { [sleep] group in
                group.addTask { try await sleep(duration) }
                group.addTask {
                    for await _ in cancelled {}
                    throw CancellationError()
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch { throw SimulatedAnswer.cancelled }
    }
}
