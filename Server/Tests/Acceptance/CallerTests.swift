import Foundation
import Testing
import Wall

/// Callers that leave while their answer is being made.
@Suite(.tags(.measuresTime)) struct CallersThatLeave {
    /// How a caller leaves. A close looks to the gateway like the legal end of sending; only what it sends then finds
    /// out that nobody is there.
    enum Leaving: CaseIterable, Sendable {
        case close, reset

        func leave(_ line: Line) async {
            switch self {
            case .close: await line.close()
            case .reset: await line.reset()
            }
        }
    }

    /// A moment of an answer at which the caller leaves: P's script, by the name of the route whose model plays it.
    struct Moment: Sendable {
        var name: String
        var acts: @Sendable (Wall.Call) -> [Wall.Act]
        /// Whether it is F that is asked when the caller leaves.
        var isAtF = false
    }

    private static let jsonHead = Wall.Act.text(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 300\r\n\r\n")

    private static let moments = [
        Moment(name: "silent") { _ in [.hang] },
        Moment(name: "head") { [$0.streams ? Answer.streamHead : jsonHead, .hang] },
        Moment(name: "begun") { call in
            call.streams
                ? [Answer.streamHead, Answer.role(), Answer.chunk(": wait\n\n"), .hang]
                : [jsonHead, .text(#"{"id":"chatcmpl-1","#), .hang]
        },
        // A provider that answers right after the caller has left must not be asked again for that.
        Moment(name: "failing") { _ in
            [.wait(.milliseconds(400)), Answer.response(500, Answer.error("No.")), .hang]
        },
        Moment(name: "cutting") { _ in [.wait(.milliseconds(400)), .reset] },
        Moment(name: "at-f", acts: { _ in [Answer.response(503, Answer.error("No."))] }, isAtF: true),
    ]

    private static func pair(_ change: (inout Pair.Settings) -> Void = { _ in }) async throws -> Pair {
        try await Pair(
            settings: {
                $0.routes = moments.map(\.name)
                // What ends a call within the test is the caller's leaving, not a limit.
                $0.timeouts = "{ connect: 1s, head: 10s, first_token: 10s, idle: 10s, total: 20s }"
                change(&$0)
            }, fallback: { _ in [.hang] }
        ) { call in moments.first { $0.name == call.model }?.acts(call) ?? [] }
    }

    // MARK: F51

    @Test(arguments: Leaving.allCases, [false, true])
    func
        `F51: when the caller leaves before the first byte the provider is left at once and nobody else asked`(
            leaving: Leaving, stream: Bool
        ) async throws
    {
        let pair = try await Self.pair()
        try requireFlawless(try await Self.flawsOfF51(pair, stream) { await leaving.leave($0) })
    }

    /// Lets a caller leave at each moment, twice.
    static func flawsOfF51(_ pair: Pair, _ stream: Bool, leave: @escaping @Sendable (Line) async -> Void)
        async throws -> [String]
    {
        var flaws = Flaws()
        var delays: [Duration] = []
        for moment in moments + moments {
            let (found, delay) = try await Self.flawsOfLeaving(pair, moment, stream, leave)
            flaws += found.of(moment.name)
            delays.append(delay ?? .seconds(10))
        }
        // Every one within a second; on a machine that has time for it, at once.
        let median = delays.sorted()[delays.count / 2]
        flaws.expect(median < .milliseconds(250), "the provider was left after \(delays)")
        // A retry or another provider would have been asked by now.
        try await Task.sleep(for: .milliseconds(500))
        for moment in moments {
            let calls = pair.callsToP(for: moment.name).count
            flaws.expect(calls == 2, "\(moment.name): P was asked \(calls) times by two callers")
            let left = try await pair.metric(
                #"holdfast_requests_total{route="\#(moment.name)",outcome="caller_left"}"#)
            flaws.expect(left == 2, "\(moment.name): \(left) of two are in the books")
            let asked = moment.isAtF ? "f" : "p"
            let cancelled = try await pair.metric(
                #"holdfast_attempts_total{target="\#(asked)/\#(moment.name)",class="cancelled"}"#)
            flaws.expect(cancelled == 2, "\(moment.name): \(cancelled) of two attempts are in the books")
        }
        let calls = pair.callsToF
        flaws.expect(
            calls.count == 2 && calls.allSatisfy { $0.model == "at-f" },
            "F was asked \(calls.count) times: \(calls.map(\.model))")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    private static func flawsOfLeaving(
        _ pair: Pair, _ moment: Moment, _ stream: Bool, _ leave: @Sendable (Line) async -> Void
    ) async throws -> (flaws: [String], delay: Duration?) {
        let wall = moment.isAtF ? pair.fallback : pair.primary
        func latest() -> Wall.Call? {
            let calls = wall.ledger.calls
            return calls.last(where: { $0.model == moment.name })
        }
        let before = wall.ledger.calls.count
        let line = try await pair.begin(moment.name, stream: stream)
        let arrived = try await eventually { wall.ledger.calls.count > before }
        guard arrived, let call = latest() else { return (["the call did not arrive"], nil) }
        try await Task.sleep(for: .milliseconds(40))
        var flaws = Flaws()
        flaws.expect(line.reply.raw.isEmpty, "the caller has an answer already: \(line.reply.text)")
        await leave(line)
        let left = ContinuousClock.now
        _ = try await eventually(.seconds(1)) { wall.ledger.lines[call.connection].closedAt != nil }
        let end = wall.ledger.lines[call.connection]
        flaws.expect(
            end.closedAt != nil && end.closedByPeer, "the provider was not left: \(end.requests) calls")
        return (flaws.texts, end.closedAt.map { $0 - left })
    }

    @Test func `F51: control: the check finds fault when the caller stays`() async throws {
        let pair = try await Self.pair {
            $0.timeouts = "{ connect: 1s, head: 300ms, first_token: 300ms, idle: 300ms, total: 2s }"
        }
        var flaws = Flaws()
        let lines = Lines()
        flaws += try await Self.flawsOfF51(pair, true) { await lines.keep($0) }
        #expect(flaws.texts.contains { $0.hasPrefix("F was asked") })
        #expect(flaws.texts.contains { $0.contains("silent: 0 of two are in the books") })
        await lines.close()
    }

    /// Callers that stay.
    private actor Lines {
        private var lines: [Line] = []
        func keep(_ line: Line) { lines.append(line) }
        func close() async { for line in lines { await line.close() } }
    }

    @Test(arguments: Leaving.allCases, [true, false])
    func
        `F51: when the caller leaves while P does not take the connection, or does not read, all of it is given up`(
            leaving: Leaving, connects: Bool
        ) async throws
    {
        let listener = try DeafListener(isFull: !connects)
        let pair = try await Pair(settings: {
            $0.primaryURL = "http://127.0.0.1:\(listener.port)/v1"
            $0.timeouts = "{ connect: 10s, head: 10s, first_token: 10s, idle: 10s, total: 20s }"
        }) { _ in [] }
        let before = pair.gateway.sockets
        let line = try await pair.begin(stream: true)
        #expect(try await eventually { pair.gateway.sockets == before + 2 })
        try await Task.sleep(for: .milliseconds(50))
        await leaving.leave(line)
        #expect(try await eventually(.seconds(1)) { pair.gateway.sockets == before })
        #expect(
            try await eventually {
                try await pair.metric(#"holdfast_requests_total{route="chat",outcome="caller_left"}"#) == 1
            })
        #expect(pair.callsToF.isEmpty)
        _ = consume listener
    }

    @Test(arguments: Leaving.allCases)
    func `F51: when the caller leaves in the middle of a stream the provider is left as well`(
        leaving: Leaving
    ) async throws {
        let pair = try await Pair(settings: {
            $0.timeouts = "{ connect: 1s, head: 10s, first_token: 10s, idle: 10s, total: 20s }"
        }) { _ in [Answer.streamHead, Answer.role()] + Answer.words(["Hello", " from"]) + [.hang] }
        let line = try await pair.begin(stream: true)
        let reply = await line.wait(.seconds(2)) { $0.answer == "Hello from" }
        #expect(reply.answer == "Hello from")
        await leaving.leave(line)
        #expect(try await eventually(.seconds(1)) { pair.primary.ledger.openLines == 0 })
        #expect(pair.callsToP.count == 1)
        #expect(pair.callsToF.isEmpty)
        let decision = try await Client.decision(pair.gateway.port, reply)
        #expect(decision["outcome"] as? String == "caller_left")
        try requireFlawless(try await pair.aftermath())
    }

    // MARK: F52

    /// What P does first, by the name of the route, so that the gateway waits before it asks again.
    private static let waits: [(name: String, answer: Wall.Act)] = [
        (
            "asked-to-wait",
            Answer.response(429, Answer.error("No.", code: "rate_limit_exceeded"), fields: ["retry-after: 1"])
        ),
        ("in-words", Answer.response(429, Answer.error("Please try again in 900ms."))),
    ]

    private static func waiting(_ change: (inout Pair.Settings) -> Void = { _ in }) async throws -> Pair {
        try await Pair(settings: {
            $0.routes = waits.map(\.name)
            change(&$0)
        }) { call in waits.first { $0.name == call.model }.map { [$0.answer] } ?? Answer.good(call) }
    }

    @Test(arguments: Leaving.allCases, [false, true])
    func `F52: when the caller leaves while its request waits to be repeated, it is not repeated`(
        leaving: Leaving, stream: Bool
    ) async throws {
        try requireFlawless(
            try await Self.flawsOfBackoff(Self.waiting(), stream) { await leaving.leave($0) })
    }

    static func flawsOfBackoff(_ pair: Pair, _ stream: Bool, leave: (Line) async -> Void) async throws
        -> [String]
    {
        var flaws = Flaws()
        var lines: [Line] = []
        for (name, _) in waits { lines.append(try await pair.begin(name, stream: stream)) }
        flaws.expect(
            try await eventually { pair.callsToP.count == waits.count }, "\(pair.callsToP.count) calls came")
        try await Task.sleep(for: .milliseconds(200))
        for line in lines { await leave(line) }
        let isQuiet = try await eventually(.milliseconds(500)) { try await pair.requests() == 0 }
        flaws.expect(isQuiet, "requests are left")
        try await Task.sleep(for: .milliseconds(1200))
        for (name, _) in waits {
            let calls = pair.callsToP(for: name).count
            flaws.expect(calls == 1, "\(name): P was asked \(calls) times")
            let left = try await pair.metric(
                #"holdfast_requests_total{route="\#(name)",outcome="caller_left"}"#)
            flaws.expect(left == 1, "\(name): \(left) in the books")
        }
        flaws.expect(pair.callsToF.isEmpty, "F was asked")
        flaws += try await pair.aftermath()
        for line in lines { await line.close() }
        return flaws.texts
    }

    @Test func `F52: control: the check of the back-off finds fault when the caller stays`() async throws {
        #expect(!(try await Self.flawsOfBackoff(Self.waiting(), false) { _ in }).isEmpty)
    }

    @Test(arguments: Leaving.allCases)
    func
        `F52: when the caller leaves while it waits for a provider to be tried again, no probe is made for it`(
            leaving: Leaving
        ) async throws
    {
        let pair = try await Pair(settings: {
            $0.withFallback = false
            $0.lines = ["breaker: { minimum_calls: 2, open: 900ms, max_open: 900ms }"]
        }) { Breakers.play($0, Pair.answerOfP) }
        try await pair.openBreaker()
        let before = pair.callsToP.count
        let line = try await pair.begin(stream: true)
        #expect(try await eventually { try await pair.requests() == 1 })
        await leaving.leave(line)
        #expect(try await eventually(.milliseconds(400)) { try await pair.requests() == 0 })
        try await Task.sleep(for: .milliseconds(1200))
        #expect(pair.callsToP.count == before, "P was asked for a caller that had left")
        try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
        try requireFlawless(try await pair.aftermath())
    }

    /// P has one place, with a queue before it, and keeps who asks for `occupied` waiting.
    private static func narrow(_ change: (inout Pair.Settings) -> Void = { _ in }) async throws -> Pair {
        try await Pair(settings: {
            $0.provider += ", concurrency: { limit: 1, queue: 8, wait: 5s }"
            change(&$0)
        }) { call in
            call.user == "occupant" ? [.wait(.milliseconds(700))] + Answer.good(call) : Answer.good(call)
        }
    }

    @Test(arguments: Leaving.allCases, [false, true])
    func `F52: when callers leave the queue for a provider they never reach it and hold no place`(
        leaving: Leaving, stream: Bool
    ) async throws {
        try requireFlawless(try await Self.flawsOfQueue(Self.narrow(), stream) { await leaving.leave($0) })
    }

    @Test func `F52: the time in the queue for a provider is the request's own, and its limit holds`()
        async throws
    {
        let pair = try await Self.narrow {
            $0.timeouts = "{ connect: 1s, head: 1s, first_token: 1s, idle: 1s, total: 1s }"
        }
        let occupant = try await pair.begin(more: #","user":"occupant""#)
        #expect(try await eventually { pair.callsToP.count == 1 })
        // It gets the place after 0.7 s of its one second, and P would take another 0.7 s.
        let begin = ContinuousClock.now
        let second = try await pair.begin(more: #","user":"occupant""#)
        let reply = await second.wait(.seconds(3)) { $0.closed }
        #expect(ContinuousClock.now - begin < .milliseconds(1300))
        #expect(reply.status != 200)
        _ = await occupant.wait(.seconds(3)) { $0.closed }
    }

    static func flawsOfQueue(_ pair: Pair, _ stream: Bool, leave: (Line) async -> Void) async throws
        -> [String]
    {
        var flaws = Flaws()
        let occupant = try await pair.begin(stream: stream, more: #","user":"occupant""#)
        flaws.expect(try await eventually { pair.callsToP.count == 1 }, "the first call did not arrive")
        var queued: [Line] = []
        for _ in 0..<6 { queued.append(try await pair.begin(stream: stream, more: #","user":"queued""#)) }
        flaws.expect(try await eventually { try await pair.requests() == 7 }, "not all wait")
        for line in queued { await leave(line) }
        let areGone = try await eventually(.milliseconds(400)) { try await pair.requests() == 1 }
        flaws.expect(areGone, "requests are left in the queue")
        let first = await occupant.wait(.seconds(3)) { $0.closed }
        flaws += first.flaws(asAnswerOfPWithin: .seconds(3)).of("the first")
        // The one place is free again and nobody is before the next one.
        flaws += try await pair.chat(more: #","user":"next""#).flaws(asAnswerOfPWithin: .seconds(1)).of(
            "next")
        let users = pair.callsToP.map(\.user)
        flaws.expect(users == ["occupant", "next"], "P was asked by \(users)")
        flaws.expect(pair.callsToF.isEmpty, "F was asked")
        flaws += try await pair.aftermath()
        for line in queued { await line.close() }
        return flaws.texts
    }

    @Test func `F52: control: without a limit the callers reach the provider before they leave`()
        async throws
    {
        let pair = try await Self.narrow {
            $0.provider = "api_key: sk-wall-primary-key-0123456789, concurrency: { limit: 1000 }"
        }
        let flaws = try await Self.flawsOfQueue(pair, false) { await $0.close() }
        #expect(flaws.contains { $0.hasPrefix("P was asked by") })
    }
}

extension GatewayProcess {
    /// The number of open sockets; other descriptors come and go by themselves.
    fileprivate var sockets: Int {
        let directory = "/proc/\(pid)/fd", files = FileManager.default
        return (try? files.contentsOfDirectory(atPath: directory))?.count { name in
            let target = try? files.destinationOfSymbolicLink(atPath: "\(directory)/\(name)")
            return target?.hasPrefix("socket:") ?? false
        } ?? 0
    }
}

extension Pair {
    /// The requests that the gateway has, without the one that asks.
    func requests() async throws -> Int {
        (try await Client.get(gateway.port, "/health").json["requests"] as? Int ?? 0) - 1
    }
}
