import CoreMetrics
import Foundation
import Generation
import Resilience
import ResilienceTesting
import Routing
import Synchronization
import Testing

@testable import Gateway

/// What requests that have ended leave in the records of their targets.
@Suite struct TargetRecordsTests {
    private let clock = VirtualClock()
    private let metrics = GatewayMetrics(NOOPMetricsHandler.instance)

    private var time: TimeSource { TimeSource(clock) }

    private func identity(_ name: String) -> TargetIdentity {
        TargetIdentity(provider: name, location: "here", model: "m", key: "d1")
    }

    /// A route to targets that cost a dollar for a million tokens in, and ten for as many out.
    private func route(_ names: [String]) -> Route {
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in })
        let targets = names.map { name in
            Target(
                provider: SilentProvider(name: name), model: "m",
                facts: TargetFacts(inputPrice: 1e-6, outputPrice: 1e-5, quality: 9),
                health: [
                    registry.health(
                        of: identity(name), label: "\(name)/m", credential: "key 1",
                        settings: .init(breaker: .learned, bulkhead: nil))
                ], metrics: metrics)
        }
        return Route(
            Route.Settings(name: "chat", targets: targets), metrics: metrics, chance: Chance(seed: 2))
    }

    private func records(capacity: Int = 8) -> TargetRecords {
        TargetRecords(time: time, wallClockMilliseconds: 1_795_200_000_000, capacity: capacity)
    }

    private func decision(_ ending: RequestEnding, _ steps: [(Decision.Step.Kind, String)]) -> Decision {
        var decision = Decision(
            id: RequestID(1, 2), arrivedAtMilliseconds: 0, route: "chat", strategy: .priority, streams: true,
            plan: [])
        decision.steps = steps.map {
            Decision.Step(
                kind: $0, identity: identity(String($1.prefix { $0 != "/" })), key: "key 1", begin: .zero,
                duration: .seconds(2))
        }
        decision.ending = ending
        return decision
    }

    private static func failure(_ kind: FailureClass, cause: String = "x") -> Decision.Step.Kind {
        .attempt(
            .first, AttemptFailure(kind, cause: cause, phase: .head, message: "m"), firstToken: nil)
    }

    private func report(_ records: TargetRecords, _ name: String) -> PerformanceReport? {
        records[identity(name)]?.performance.report(.hour, at: records.now)
    }

    @Test
    func `an answer counts for who gave it with its times, tokens and price, and a failure for who failed`()
        throws
    {
        let records = records(), route = route(["a", "b"])
        var decision = decision(
            .answered,
            [(Self.failure(.transient), "a/m"), (.attempt(.failover, nil, firstToken: .seconds(1)), "b/m")])
        decision.facts = ReplyFacts(usage: Usage(promptTokens: 1000, completionTokens: 200))
        records.note(decision, on: route.settings.targets, at: time.now)
        let a = try #require(report(records, "a")).all, b = try #require(report(records, "b")).all
        #expect((a.requests, a.successes, a.inputTokens, a.cost) == (1, 0, 0, 0))
        #expect(a.failures[FailureClass.transient.trackedPlace] == 1)
        #expect((b.requests, b.successes, b.inputTokens, b.outputTokens) == (1, 1, 1000, 200))
        #expect(abs(b.cost - 0.003) < 1e-12)
        #expect(abs(try #require(b.firstToken).p50 - 1) < 0.05)
        #expect(abs(try #require(b.total).p50 / 2 - 1) < 0.05)
        #expect(a.total == nil, "how long a failure takes is not how long answers take")
    }

    @Test(arguments: [
        failure(.invalidRequest), failure(.contextLengthExceeded), failure(.contentPolicy),
        failure(.systemError, cause: "cancelled"), .outrun(.first),
        failure(.qualityFailure, cause: "different_text"),
    ])
    func `what says nothing of a target is not held against it`(kind: Decision.Step.Kind) throws {
        let records = records()
        records.note(decision(.failed, [(kind, "a/m")]), on: route(["a"]).settings.targets, at: time.now)
        #expect(try #require(report(records, "a")).all.requests == 0)
    }

    @Test func `who was not asked has no record`() {
        let records = records()
        let steps: [(Decision.Step.Kind, String)] = [
            (.refusal(.full), "a/m"), (.wait, "a/m"), (.budgetSpent, "a/m"),
            (Self.failure(.transient), "gone/m"),
        ]
        records.note(decision(.failed, steps), on: route(["a"]).settings.targets, at: time.now)
        #expect(report(records, "a") == nil)
    }

    @Test func `every class of failure has a place of its own`() {
        let places = FailureClass.allCases.map(\.trackedPlace)
        #expect(Set(places).count == places.count)
        #expect(places.allSatisfy { (0..<PerformanceTracker.failureClasses).contains($0) })
    }

    @Test func `long prompts are told apart`() throws {
        let records = records()
        var decision = decision(.answered, [(.attempt(.first, nil, firstToken: nil), "a/m")])
        decision.isLong = true
        records.note(decision, on: route(["a"]).settings.targets, at: time.now)
        let report = try #require(self.report(records, "a"))
        #expect((report.long.requests, report.short.requests) == (1, 0))
    }

    @Test func `there are no more records than there may be, and those that were heard of longest ago go`() {
        let records = records(capacity: 2), route = route(["a", "b", "c"])
        for name in ["a", "b", "a", "c"] {
            clock.advance(by: .seconds(1))
            records.note(
                decision(.answered, [(.attempt(.first, nil, firstToken: nil), "\(name)/m")]),
                on: route.settings.targets,
                at: time.now)
        }
        #expect(["a", "b", "c"].map { report(records, $0)?.all.requests } == [2, nil, 1])
        records.keep(only: [identity("c")], routes: [])
        #expect(["a", "b", "c"].map { report(records, $0)?.all.requests } == [nil, nil, 1])
    }

    @Test func `no more routes are kept than there may be, and a look takes nobody's place`() {
        var book = TargetRecordBook(capacity: 2)
        for number in 0..<4 { book.note(requestTo: "r\(number)", at: 0) }
        #expect(Set(book.routes.keys) == ["r0", "r1"])
        for name in ["a", "b", "c"] { book.note(.open, nil, nil, of: identity(name), key: "key 1", at: 0) }
        #expect(Set(book.records.keys) == [identity("a"), identity("b")])
    }

    @Test func `moments go on with the clock that it was given, from the time of day at its start`() {
        let records = records()
        clock.advance(by: .seconds(90))
        #expect(abs(records.now - 1_795_200_090) < 1e-3)
    }

    // MARK: Incidents

    @Test func `an incident lasts from the opening of the breaker until it closes`() throws {
        let records = records(), clock = clock
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: 1), records: records, onEvent: { _ in }, onCooldown: { _ in })
        let health = registry.health(
            of: identity("a"), label: "a/m", credential: "key 1",
            settings: .init(breaker: .learned, bulkhead: nil))
        records.look(at: [health])
        func incidents() throws -> IncidentForecast { try #require(records[identity("a")]).incidents }
        #expect(try incidents().since == nil)
        let risk = try incidents().risk(within: 300, at: records.now)
        #expect(risk > 0 && risk < 0.01, "the base rate: \(risk)")
        clock.advance(by: .seconds(100))
        health.breaker.open()
        let begin = records.now
        clock.advance(by: .seconds(50))
        #expect(try incidents().since == begin)
        health.breaker.halfOpen()
        records.look(at: [health])
        #expect(try incidents().since == begin, "probes do not end it")
        clock.advance(by: .seconds(550))
        health.breaker.close()
        #expect(try incidents().since == nil)
        #expect(try incidents().length.median < 4500, "it was shorter than was expected")
        #expect(try incidents().risk(within: 300, at: records.now) > risk, "one more was seen")
    }

    @Test func `a look finds what no event told`() throws {
        let records = records()
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in })
        let health = registry.health(
            of: identity("a"), label: "a/m", credential: "key 1",
            settings: .init(breaker: .learned, bulkhead: nil))
        health.breaker.open()
        records.look(at: [health])
        #expect(records[identity("a")]?.incidents.since == records.now)
        health.breaker.close()
        records.look(at: [health])
        #expect(records[identity("a")]?.incidents.since == nil)
    }

    // MARK: Capacity

    /// A gateway whose route `chat` was asked that often in each minute of two hours.
    private func busy(_ perMinute: Int, limits: [Double?]) -> Gateway {
        let names = limits.indices.map { "t\($0)" }
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in })
        let targets = zip(names, limits).map { name, limit in
            Target(
                provider: SilentProvider(name: name), model: "m",
                facts: TargetFacts(
                    inputPrice: 0, outputPrice: 0, quality: 9,
                    limit: limit.map { RateLimit(requestsPerSecond: $0, burst: $0) }),
                health: [
                    registry.health(
                        of: identity(name), label: "\(name)/m", credential: "key 1",
                        settings: .init(breaker: .learned, bulkhead: nil))
                ], metrics: metrics)
        }
        let route = Route(
            Route.Settings(name: "chat", targets: targets), metrics: metrics, chance: Chance(seed: 2))
        let gateway = Gateway(
            Gateway.Routes([route]), targets: registry, time: time,
            wallClockMilliseconds: { 1_795_200_000_000 })
        for _ in 0..<120 {
            clock.advance(by: .seconds(60))
            for _ in 0..<perMinute {
                gateway.records.note(
                    decision(.answered, [(.attempt(.first, nil, firstToken: nil), "t0/m")]),
                    on: route.settings.targets,
                    at: time.now)
            }
        }
        clock.advance(by: .seconds(3600))
        return gateway
    }

    @Test func `a route's capacity is what its targets carry without the largest of them`() throws {
        // 10 requests a minute are 50 in five minutes; the peak is above that, and below four times as much.
        let enough = busy(10, limits: [1, 2, 0.1])
        let capacity = try #require(enough.capacities.first)
        #expect(capacity.route == "chat" && capacity.peak > 50 && capacity.peak < 200)
        #expect(capacity.needed == ["t1/m", "t0/m"] && capacity.carried == 300 && capacity.missing == 0)
        #expect(enough.limits[identity("t1")] == 2)
        let scarce = try #require(busy(10, limits: [1, 0.1]).capacities.first)
        #expect(scarce.carried == 30 && abs(scarce.missing - (scarce.peak - 30)) < 1e-9)
        let unbounded = try #require(busy(10, limits: [1, nil, nil]).capacities.first)
        #expect(unbounded.carried == nil && unbounded.missing == 0)
    }

    @Test func `without a limit, or before an hour was seen, nothing is said of capacity`() {
        #expect(busy(1, limits: [nil, nil]).capacities.isEmpty)
        #expect(busy(0, limits: [1, 1]).capacities.isEmpty)
    }

    // MARK: Files

    /// What another process makes of these records that long after.
    private func restored(_ records: TargetRecords, later: Duration, capacity: Int = 8) throws
        -> TargetRecords
    {
        let data = try JSONEncoder().encode(records.snapshot)
        let milliseconds = Int64((records.now * 1000).rounded()) + Int64(later / .milliseconds(1))
        let other = TargetRecords(
            time: TimeSource(VirtualClock()), wallClockMilliseconds: milliseconds, capacity: capacity)
        other.restore(try JSONDecoder().decode(TargetRecordsSnapshot.self, from: data))
        return other
    }

    @Test func `what is restored has aged by the time between`() throws {
        let records = records()
        records.note(
            decision(.answered, [(.attempt(.first, nil, firstToken: nil), "a/m")]),
            on: route(["a"]).settings.targets,
            at: time.now)
        for (later, counts) in [
            (Duration.seconds(60), [1, 1, 1, 1, 1]), (.seconds(7200), [0, 1, 1, 1, 1]),
            (.seconds(40 * 86_400), [0, 0, 0, 0, 0]), (.seconds(-86_400), [0, 0, 0, 0, 0]),
        ] as [(Duration, [UInt64])] {
            let other = try restored(records, later: later)
            let tracker = try #require(other[identity("a")]).performance
            #expect(
                TrackingWindow.allCases.map { tracker.report($0, at: other.now).all.requests } == counts,
                "\(later)")
        }
    }

    @Test func `an incident that ran when it was written is forgotten, and what was learned is kept`() throws
    {
        let gateway = busy(5, limits: [1])
        let registry = gateway.targets, health = try #require(registry.all.first)
        health.breaker.open()
        gateway.records.look(at: [health])
        #expect(gateway.records[identity("t0")]?.incidents.since != nil)
        let other = try restored(gateway.records, later: .seconds(60))
        let record = try #require(other[identity("t0")])
        #expect(record.incidents.since == nil)
        #expect(record.demand.profile.average == 25 && other.demand(of: "chat")?.profile.average == 25)
    }

    /// A file's text with what a target has taught in ten answers and a failure.
    private func taught() throws -> String {
        let records = records(), route = route(["a"]),
            health = try #require(route.settings.targets[0].health.first)
        health.estimate.withLock { estimate in
            for second in 0..<11 {
                let seconds = Double(second), shape = RequestShape(input: 100, output: 100)
                let id = estimate.began(at: seconds)
                estimate.firstToken(of: id, after: 2, at: seconds)
                estimate.ended(
                    id, second == 5 ? .failed(after: 3) : .answered(perToken: 0.1), of: shape, at: seconds)
            }
        }
        clock.advance(by: .seconds(11))
        records.look(at: [health])
        return String(decoding: try JSONEncoder().encode(records.snapshot), as: UTF8.self)
    }

    /// What is learned of `a` in a process that reads that text.
    private func relearned(_ text: String, later: Duration = .zero) throws -> TargetHealth.Learned {
        let clock = VirtualClock(), time = TimeSource(clock)
        let other = TargetRecords(
            time: time,
            wallClockMilliseconds: 1_795_200_011_000 + Int64(later / .milliseconds(1)))
        other.restore(try JSONDecoder().decode(TargetRecordsSnapshot.self, from: Data(text.utf8)))
        #expect(other[identity("a")] != nil, "the rest of the record is read in any case")
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: 9), records: other, onEvent: { _ in }, onCooldown: { _ in })
        let health = registry.health(
            of: identity("a"), label: "a/m", credential: "key 1",
            settings: .init(breaker: .learned, bulkhead: nil))
        return health.learned(at: time.now)
    }

    @Test func `what was learned for selection goes on in the next process, aged`() throws {
        let text = try taught(), now = try relearned(text)
        let success = try #require(now.success), evidence = try #require(now.evidence)
        #expect(success > 0.9 && success < 0.95 && evidence > 15.5 && evidence < 16)
        let first = try #require(now.firstToken), each = try #require(now.perToken)
        #expect(abs(first - 2) < 0.2 && abs(each - 0.1) < 0.01)
        let later = try relearned(text, later: .seconds(300))
        let faded = try #require(later.evidence)
        #expect(abs(faded - (5 + (evidence - 5) / 2)) < 1e-6)
        #expect(later.firstToken == now.firstToken)
        let earlier = try relearned(text, later: .seconds(-600))
        #expect(earlier.evidence == evidence, "a clock that was set back")
    }

    @Test(arguments: [nil, "7", "[]", "{}", #"{"moment":"yesterday"}"#, #"{"moment":1,"success":{"all":3}}"#])
    func `a file without what was learned, or in which that is damaged, is read all the same`(
        damaged: String?
    ) throws {
        let whole = try JSONSerialization.jsonObject(with: Data(try taught().utf8))
        var file = try #require(whole as? [String: Any])
        var targets = try #require(file["targets"] as? [[String: Any]])
        #expect(targets[0]["learned"] != nil)
        targets[0]["learned"] = try damaged.map {
            try JSONSerialization.jsonObject(with: Data($0.utf8), options: .fragmentsAllowed)
        }
        file["targets"] = targets
        let text = String(decoding: try JSONSerialization.data(withJSONObject: file), as: UTF8.self)
        let learned = try relearned(text)
        #expect(learned.success == nil && learned.firstToken == nil && learned.perToken == nil)
    }

    // MARK: Forecasts

    @Test func `a usual answer and the way of quality are known from what became of requests`() throws {
        let records = records(), route = route(["a"])
        // Of ten answers none, one, two and then three are bad, in a week.
        for number in 0..<1000 {
            clock.advance(by: .seconds(600))
            let isBad = number % 10 < number / 250
            var decision = decision(
                isBad ? .failed : .answered,
                [
                    (
                        isBad
                            ? Self.failure(.qualityFailure) : .attempt(.first, nil, firstToken: .seconds(1)),
                        "a/m"
                    )
                ])
            decision.facts = ReplyFacts(
                usage: Usage(promptTokens: 10, completionTokens: number < 800 ? 500 : 100))
            records.note(decision, on: route.settings.targets, at: time.now)
        }
        let record = try #require(records[identity("a")])
        #expect(record.usualTokens(at: records.now) == 100, "of the last day")
        let week = try #require(record.usualTokens(at: records.now + 2 * 86_400))
        #expect(week > 300 && week < 500, "a day without answers says nothing")
        #expect(record.usualTokens(at: records.now + 8 * 86_400) == nil)
        let quality = try #require(record.quality(at: records.now))
        #expect(quality.trend == .declining && abs(quality.changePerDay + 0.053) < 0.005, "\(quality)")
    }

    @Test func `no more is restored than there may be, the latest first`() throws {
        let records = records(), route = route(["a", "b", "c"])
        for name in ["b", "a", "c"] {
            clock.advance(by: .seconds(1))
            records.note(
                decision(.answered, [(.attempt(.first, nil, firstToken: nil), "\(name)/m")]),
                on: route.settings.targets,
                at: time.now)
        }
        let other = try restored(records, later: .zero, capacity: 2)
        #expect(["a", "b", "c"].map { other[identity($0)] != nil } == [true, false, true])
    }

    // MARK: Feedback

    /// A gateway that has answered a request of a caller.
    private func gateway(_ ending: RequestEnding = .answered) -> (Gateway, RequestID) {
        let route = route(["a"]), wallClock: @Sendable () -> Int64 = { 1_795_200_000_000 }
        let gateway = Gateway(
            Gateway.Routes([route]),
            targets: TargetRegistry(
                time: time, chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in }), time: time,
            wallClockMilliseconds: wallClock)
        var decision = decision(ending, [(.attempt(.first, nil, firstToken: nil), "a/m")])
        decision.caller = "web"
        gateway.records.note(decision, on: route.settings.targets, at: time.now)
        gateway.decisions.append(decision)
        return (gateway, decision.id)
    }

    @Test func `a rating counts once for the target that answered, and the decision shows it`() throws {
        let (gateway, id) = gateway()
        #expect(gateway.rate(id, score: 7, by: "web") == .counted(target: "a/m", key: "key 1"))
        #expect(gateway.rate(id, score: 1, by: "web") == .ratedBefore)
        let report = try #require(self.report(gateway.records, "a"))
        #expect((report.all.satisfaction, report.all.scores) == (7, 1))
        #expect(gateway.decisions[id]?.score == 7)
    }

    @Test func `a rating and an incident find their target whatever its key is called by then`() throws {
        var book = TargetRecordBook(capacity: 4)
        let one = identity("a")
        let other = TargetIdentity(provider: "a", location: "here", model: "m", key: "d2")
        book.note(nil, of: one, key: "key 1", isLong: false, at: 0)
        // A reload has put another key before it.
        book.note(nil, of: other, key: "key 1", isLong: false, at: 1)
        book.note(nil, of: one, key: "key 2", isLong: false, at: 1)
        book.note(score: 7, of: one, isLong: false, at: 2)
        book.note(.open, of: one, at: 2)
        let mine = try #require(book.records[one]), others = try #require(book.records[other])
        #expect(mine.performance.report(.hour, at: 3).all.scores == 1)
        #expect(others.performance.report(.hour, at: 3).all.scores == 0)
        #expect(mine.incidents.since == 2 && others.incidents.since == nil)
    }

    @Test func `only who asked may rate, and only what was answered`() {
        let (gateway, id) = gateway()
        #expect(gateway.rate(id, score: 7, by: "other") == .unknown)
        #expect(gateway.rate(id, score: 7, by: nil) == .unknown)
        #expect(gateway.rate(RequestID(3, 4), score: 7, by: "web") == .unknown)
        #expect(report(gateway.records, "a")?.all.scores == 0)
        let (other, unanswered) = self.gateway(.failed)
        #expect(other.rate(unanswered, score: 7, by: "web") == .notAnswered)
    }
}
