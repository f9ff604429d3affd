import CoreMetrics
import Generation
import NIOCore
import Resilience
import ResilienceTesting
import Routing
import Synchronization

@testable import Gateway

/// A gateway in virtual time, whose providers do what a test says.
final class VirtualGateway: Sendable {
    /// What a provider does with one attempt.
    enum Act: Sendable {
        /// Answers after that time, unless the limits end it before.
        case answer(Duration)
        /// Begins an answer that is read as a stream after that time, and ends it so long after.
        case answerSlowly(Duration, for: Duration)
        /// Begins a stream, which breaks after one word.
        case breakOff
        /// Does not accept the connection.
        case refuse
        /// Fails at once.
        case fail(AttemptFailure)
        /// Fails after that time.
        case failAfter(Duration, AttemptFailure)

        /// Never answers.
        static let silent = answer(.seconds(1_000_000))
        /// Says that it is not ready.
        static let unavailable = fail(
            AttemptFailure(.providerOverload, cause: "unavailable", phase: .head, status: 503, message: "m"))
        /// Closes the connection.
        static let reset = fail(AttemptFailure(.transient, cause: "reset", phase: .head, message: "m"))
        /// Says that it has failed.
        static let error = fail(
            AttemptFailure(.transient, cause: "server_error", phase: .head, status: 500, message: "m"))
    }

    /// How a request ended.
    struct Ending: Sendable {
        var failure: GatewayFailure?
        var began: Duration, ended: Duration
        var decision: Decision?
        /// How often the caller was given an answer, an end or a refusal.
        var ends = 0

        var isAnswered: Bool { failure == nil && decision?.ending == .answered }
        var took: Duration { ended - began }
        var provider: String? { decision?.provider }
    }

    private struct Provider: Generation.Provider {
        let name: String
        let credentials = [Credential(index: 0, label: "key 1", identity: "d1")]
        let time: TimeSource
        let act: @Sendable (ProviderCall, Duration) -> Act
        let attempted: @Sendable (String) -> Void

        func attempt(_ call: ProviderCall) async throws(AttemptFailure) -> Reply {
            attempted(name)
            switch act(call, time.now.sinceOrigin) {
            case .refuse:
                throw AttemptFailure(
                    .systemError, cause: "refused", phase: .connect, message: "m", requestWasSent: false)
            case .fail(let failure): throw failure
            case .failAfter(let delay, let failure):
                try await sleep(delay)
                throw failure
            case .answer(let delay): return try await answer(call, after: delay)
            case .answerSlowly(let delay, let length):
                return try await answer(call, after: delay, for: length)
            case .breakOff:
                return .stream(
                    VirtualStream(
                        failure: AttemptFailure(.transient, cause: "reset", phase: .body, message: "m")))
            }
        }

        private func answer(
            _ call: ProviderCall, after delay: Duration, for length: Duration = .zero
        ) async throws(AttemptFailure) -> Reply {
            let limit = min(call.limits.head, call.limits.total)
            try await sleep(min(delay, limit))
            guard delay <= limit else {
                throw AttemptFailure(.timeout, cause: "timed_out", phase: .head, message: "m")
            }
            if call.request.streams { return .stream(VirtualStream(failure: nil)) }
            try call.onEvents?(1)
            if length > .zero { try await sleep(length) }
            let usage = Usage(promptTokens: 10, completionTokens: 10)
            return .whole(WholeReply(body: ByteBuffer(), facts: ReplyFacts(usage: usage)))
        }

        private func sleep(_ delay: Duration) async throws(AttemptFailure) {
            do { try await time.sleep(for: delay) } catch {
                throw AttemptFailure(.systemError, cause: "cancelled", phase: .head, message: "m")
            }
        }
    }

    private final class Sink: ReplySink {
        let failure = Mutex<GatewayFailure?>(nil)
        let ends = Atomic(0)

        func deliver(_ reply: WholeReply, _ summary: DecisionSummary) async throws(CallerLeft) { end() }
        func begin(_ summary: DecisionSummary) async throws(CallerLeft) {}
        func deliver(_ piece: ReplyPiece) async throws(CallerLeft) {}
        func finish() async throws(CallerLeft) { end() }
        func interrupt(_ failure: AttemptFailure) async throws(CallerLeft) { end() }
        func refuse(_ failure: GatewayFailure, _ summary: DecisionSummary) async throws(CallerLeft) {
            self.failure.withLock { $0 = failure }
            end()
        }

        private func end() { ends.wrappingAdd(1, ordering: .relaxed) }
    }

    let simulation: Simulation
    private let gateway: Gateway
    private let asked = Mutex(0)

    /// - Parameters:
    ///   - providers: By their names, in order of priority; what each does, by the call and the time.
    init(
        _ simulation: Simulation, strategy: Strategy = .priority,
        _ providers: [(name: String, act: @Sendable (ProviderCall, Duration) -> Act)],
        change: (inout Route.Settings) -> Void = { _ in }
    ) {
        self.simulation = simulation
        let metrics = GatewayMetrics(NOOPMetricsHandler.instance), time = simulation.time
        let registry = TargetRegistry(
            time: time, chance: simulation.chance(), onEvent: { _ in }, onCooldown: { _ in })
        let count = Book()
        let targets = providers.map { name, act in
            Target(
                provider: Provider(name: name, time: time, act: act) { count.note($0) }, model: "m",
                prefill: .message,
                health: [
                    registry.health(
                        of: TargetIdentity(provider: name, location: "", model: "m", key: "d1"),
                        label: "\(name)/m", credential: "key 1",
                        settings: .init(breaker: strategy.learns ? .learned : .target, bulkhead: nil))
                ], metrics: metrics)
        }
        var settings = Route.Settings(name: "chat", targets: targets, selection: SelectionSettings(strategy))
        change(&settings)
        let route = Route(settings, metrics: metrics, chance: simulation.chance())
        gateway = Gateway(
            Gateway.Routes([route]), targets: registry, time: time,
            wallClockMilliseconds: { 1_795_300_000_000 }, keptDecisions: 100_000, spawner: simulation.spawner)
        book = count
    }

    private final class Book: Sendable {
        private let names = Mutex<[String]>([])
        func note(_ name: String) { names.withLock { $0.append(name) } }
        var all: [String] { names.withLock { $0 } }
    }

    private let book: Book

    /// The attempts so far.
    var attempts: Int { book.all.count }

    /// The attempts at a provider so far.
    func attempts(at name: String) -> Int { book.all.count { $0 == name } }

    /// The state of a target's breaker.
    func breaker(_ name: String) -> CircuitBreaker.State? { health(name)?.breaker.snapshot.state }

    /// What is known of a target.
    func health(_ name: String) -> TargetHealth? {
        gateway.targets.all.first { $0.label == "\(name)/m" }
    }

    /// Sends a request and waits for its end.
    func ask(
        _ body: String = "", caller: String? = nil, features: GenerationRequest.Features = [],
        streams: Bool = false
    ) async -> Ending {
        let number = asked.withLock { asked in
            asked += 1
            return asked
        }
        let request = GenerationRequest(
            id: RequestID(7, UInt64(number)), model: "chat", streams: streams, wantsUsage: false, choices: 1,
            features: features, body: ByteBuffer(string: body.isEmpty ? "\(number)" : body),
            marks: GenerationRequest.Marks(model: 0..<0, start: 0, messagesEnd: 0))
        guard let route = gateway.route(for: "chat") else { preconditionFailure("the route was made") }
        let began = gateway.now, sink = Sink()
        await gateway.answer(
            request, by: route, caller: caller, arrivedAt: began, spawner: simulation.spawner, into: sink)
        return Ending(
            failure: sink.failure.withLock { $0 }, began: began.sinceOrigin,
            ended: gateway.now.sinceOrigin, decision: gateway.decisions[request.id],
            ends: sink.ends.load(ordering: .relaxed))
    }

    /// Sends requests from several callers, each with a pause between its own, for a time.
    func ask(callers: Int, each pause: Duration, for length: Duration) async -> [Ending] {
        let endings = Mutex<[Ending]>([])
        let calls = (0..<callers).map { caller in
            simulation.start("caller \(caller)", cancellable: false) {
                try await self.simulation.time.sleep(for: pause / callers * caller)
                var next = self.simulation.time.now
                while next.sinceOrigin < length {
                    let ending = await self.ask("\(caller) \(next.sinceOrigin)")
                    endings.withLock { $0.append(ending) }
                    next = max(next.advanced(by: pause), self.simulation.time.now)
                    try await self.simulation.time.sleep(for: next.since(self.simulation.time.now))
                }
            }
        }
        for call in calls { _ = await call.result }
        return endings.withLock { $0 }
    }

    /// Runs a test in virtual time.
    static func run(seed: UInt64 = 1, _ body: @escaping @Sendable (Simulation) async throws -> Void) throws {
        var policy = SimulationPolicy.calm
        policy.maximumSteps = 5_000_000
        try Simulation.run(seed: seed, policy: policy) { simulation in
            try await body(simulation)
            // What goes on by itself, as a probe does that has lost, ends within its limits.
            try await simulation.time.sleep(for: .seconds(200))
        }
    }
}
