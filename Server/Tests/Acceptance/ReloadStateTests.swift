import Foundation
import Testing
import Wall

/// What is known about providers outlives a new configuration (F65).
@Suite(.tags(.measuresTime)) struct StateAcrossReloads {
    private static func breaker(_ calls: Int) -> String {
        "breaker: { minimum_calls: \(calls), open: 60s, max_open: 60s }"
    }

    /// A change of the configuration that leaves the providers what they are.
    enum Change: String, CaseIterable, Sendable {
        case nothing, route, timeouts, breaker, retry, keyAdded, concurrency, order

        func change(_ text: String) -> String {
            switch self {
            case .nothing: text
            case .route: text + "\n  added: { targets: [ { provider: f, model: x } ] }"
            // The longest time of a probe follows from the limits, so the breaker's policy changes as well.
            case .timeouts: text.replacingOccurrences(of: "total: 20s", with: "total: 25s")
            case .breaker: text.replacingOccurrences(of: "max_open: 60s", with: "max_open: 90s")
            case .retry: text.replacingOccurrences(of: "patience: 100ms", with: "patience: 90ms")
            case .keyAdded:
                text.replacingOccurrences(
                    of: "api_key: sk-wall-primary-key-0123456789",
                    with: "api_keys: [sk-wall-primary-key-0123456789, sk-wall-second-key-0123456789]")
            case .concurrency:
                text.replacingOccurrences(
                    of: "base_url: \"http", with: "concurrency: { limit: 500 }, base_url: \"http")
            // A provider that is named elsewhere in the file is the same provider.
            case .order:
                text.replacingOccurrences(of: "    targets:", with: "    strategy: priority\n    targets:")
            }
        }
    }

    /// Three targets at P: one whose breaker is open, one that is to be left alone, one that has failed half as often
    /// as it may.
    private static func pair() async throws -> Pair {
        let pair = try await Pair(settings: {
            $0.lines = [breaker(4), "retry: { patience: 100ms }"]
            $0.routes = ["broken", "cooling", "ailing"]
        }) { call in
            guard call.user == "bad" else { return Answer.good(call) }
            let limited = Answer.error("No.", code: "rate_limit_exceeded")
            return call.model == "cooling"
                ? [Answer.response(429, limited, fields: ["retry-after: 50"])]
                : [Answer.response(503, Answer.error("No."))]
        }
        for (route, count) in [("broken", 4), ("cooling", 1), ("ailing", 3)] {
            for _ in 0..<count { _ = try await pair.chat(route, more: #","user":"bad""#) }
        }
        return pair
    }

    @Test(arguments: Change.allCases)
    func `F65: a reload changes nothing about open breakers, failures counted and cooldowns`(change: Change)
        async throws
    {
        try requireFlawless(try await Self.flawsOfF65(Self.pair(), change.change, keys: change == .keyAdded))
    }

    static func flawsOfF65(_ pair: Pair, _ change: (String) -> String, keys: Bool = false) async throws
        -> [String]
    {
        var flaws = Flaws()
        let before = [try await pair.health("p/broken"), try await pair.health("p/cooling")]
        flaws.expect(before.allSatisfy { $0.wait != nil }, "before: \(before)")
        for turn in 1...2 {
            // The second reload goes back to the first configuration.
            try await pair.reload(turn == 1 ? change(pair.settings.text) : pair.settings.text)
            let after = [try await pair.health("p/broken"), try await pair.health("p/cooling")]
            flaws.expect(after[0].breaker == "open", "the breaker is \(after[0].breaker)")
            flaws.expect(after[1].cooling == "rate_limit", "the cooldown is \(after[1].cooling ?? "none")")
            for (old, new) in zip(before, after) {
                let (old, new) = (old.wait ?? .zero, new.wait ?? .zero)
                flaws.expect(new <= old && new > old - .seconds(5), "\(old) became \(new)")
            }
            // A key of its own is not known to be ill.
            for name in ["broken", "cooling"] where !(keys && turn == 1) {
                let reply = try await pair.chat(name, stream: turn == 1)
                flaws += reply.flaws(asAnswerOfFWithin: .seconds(1)).of(name)
            }
        }
        _ = try await pair.chat("ailing", more: #","user":"bad""#)
        let ailing = try await pair.health("p/ailing").breaker
        flaws.expect(ailing == "open", "after the fourth failure the breaker is \(ailing)")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test(arguments: ["/v2", "/v1/other"])
    func `F65: control: a provider that has moved is another one, and the check finds fault`(path: String)
        async throws
    {
        let pair = try await Self.pair()
        let flaws = try await Self.flawsOfF65(
            pair,
            { text in
                text.replacingOccurrences(of: "/v1\"", with: "\(path)\"")
            })
        #expect(flaws.contains("the breaker is closed"))
        #expect(flaws.contains("the cooldown is none"))
        #expect(flaws.contains("after the fourth failure the breaker is closed"))
    }

    @Test
    func `F65: routes that share a target share its breaker, and a reload that would part them is refused`()
        async throws
    {
        let pair = try await Pair(settings: { $0.lines = [Self.breaker(2)] }) {
            $0.user == "bad" ? [Answer.response(503, Answer.error("No."))] : Answer.good($0)
        }
        func text(_ calls: Int) -> String {
            let targets = "[ { provider: p, model: p-1 }, { provider: f, model: f-1 } ]"
            return pair.settings.text + "\n  other: { targets: \(targets), \(Self.breaker(calls)) }"
        }
        try await pair.reload(text(2))
        try await pair.openBreaker()
        try requireFlawless(try await pair.chat("other").flaws(asAnswerOfFWithin: .seconds(1)))
        try pair.gateway.replaceConfiguration(text(3))
        pair.gateway.signal(SIGHUP)
        #expect(try await eventually { pair.gateway.standardError.contains("give both the same breaker") })
        for model in ["chat", "other"] {
            try requireFlawless(try await pair.chat(model).flaws(asAnswerOfFWithin: .seconds(1)))
        }
        #expect(pair.callsToP.count == 2)
    }

    @Test(arguments: [false, true])
    func `F65: a request that runs during a reload ends well, and the place it holds is not given twice`(
        stream: Bool
    ) async throws {
        let pair = try await Pair(settings: {
            $0.provider += ", concurrency: { limit: 1, queue: 8, wait: 5s }"
            $0.timeouts = "{ connect: 1s, head: 5s, first_token: 5s, idle: 5s, total: 20s }"
        }) { call in
            let acts = Answer.good(call)
            guard call.user == "slow" else { return acts }
            return call.streams
                ? acts.prefix(4) + [.wait(.seconds(1))] + acts.dropFirst(4) : [.wait(.seconds(1))] + acts
        }
        let slow = try await pair.begin(stream: stream, more: #","user":"slow""#)
        #expect(try await eventually { pair.callsToP.count == 1 })
        try await pair.reload(pair.settings.text.replacingOccurrences(of: "total: 20s", with: "total: 25s"))
        let next = try await pair.begin(stream: stream)
        try await Task.sleep(for: .milliseconds(200))
        #expect(pair.callsToP.count == 1, "a second request was let in")
        let replies = (
            await slow.wait(.seconds(3)) { $0.closed }, await next.wait(.seconds(3)) { $0.closed }
        )
        try requireFlawless(replies.0.flaws(asAnswerOfPWithin: .seconds(3)))
        try requireFlawless(replies.1.flaws(asAnswerOfPWithin: .seconds(3)))
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F65: a probe that is out during a reload is answered, and the next call is a probe as well`()
        async throws
    {
        let pair = try await Breakers.pair(Breakers.quick)
        try await pair.openBreaker()
        #expect(try await eventually { try await pair.health().breaker == "half_open" })
        let probe = try await pair.begin(more: #","user":"slow""#)
        #expect(try await eventually { pair.callsToP.count == 3 })
        try await pair.reload(pair.settings.text.replacingOccurrences(of: "total: 20s", with: "total: 25s"))
        let reply = try await pair.chat()
        #expect(reply.status == 200)
        // P is slow, so F has answered beside it.
        try requireFlawless(await probe.wait(.seconds(3)) { $0.closed }.flaws(asAnswerOfFWithin: .seconds(3)))
        #expect(try await eventually { try await pair.chat().field("x-holdfast-provider") == "p" })
        #expect(try await pair.health().breaker == "closed")
    }
}

extension Pair {
    /// Gives the gateway another configuration and waits until it has taken it.
    func reload(_ text: String) async throws {
        func count() -> Int { gateway.standardError.components(separatedBy: "configuration reloaded").count }
        let before = count()
        try gateway.replaceConfiguration(text)
        gateway.signal(SIGHUP)
        let isTaken = try await eventually { count() > before }
        #expect(isTaken, "not reloaded: \(gateway.standardError.suffix(500))")
    }
}
