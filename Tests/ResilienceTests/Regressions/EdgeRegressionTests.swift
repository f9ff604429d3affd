import ResilienceTesting
import Testing

@testable import Resilience

/// What broke here where settings are extreme, calls never wait or readers never stop.
@Suite(.timeLimit(.minutes(1))) struct EdgeRegressionTests {
    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }

    // MARK: Hedging

    @Test(arguments: [Duration.zero, .milliseconds(10)])
    func `a call that computes and never waits is not hedged, however long it takes`(delay: Duration)
        async throws
    {
        let begun = Recorder<Int>(), clock = clock
        let policy = HedgePolicy(delay: .fixed(delay), maximumHedges: 3)
        let answer = try await Hedge("hedge", policy: policy, time: time).run { attempt in
            begun.record(attempt)
            clock.advance(by: .milliseconds(50))
            return attempt
        }
        #expect(answer == 0 && begun.events == [0])
    }

    @Test func `no hedge begins at the deadline of a layer outside`() throws {
        let begun = Recorder<Int>()
        try Simulation.run(seed: 1, policy: .calm) { simulation in
            let time = simulation.time
            let hedge = Hedge(
                "hedge", policy: HedgePolicy(delay: .fixed(.seconds(1))), time: time,
                spawner: simulation.spawner)
            let pipeline = Pipeline {
                Deadline("deadline", after: .seconds(1), time: time)
                hedge
            }
            try await pipeline.runInTask { (context: CallContext) in
                begun.record(context.attempt)
                try await time.sleep(for: .seconds(60))
            }
        }
        #expect(begun.events == [0])
    }

    @Test func `a quantile that is no number is taken as the least`() throws {
        var quantile = LatencyQuantile(.nan)
        for _ in 0..<40 { quantile.note(.milliseconds(10)) }
        #expect(try #require(quantile.value) > .zero)
    }

    // MARK: Time

    @Test func `a sleep without an end does not end at once on the clock of the system`() async throws {
        let sleepers = [Duration.unbounded, .seconds(Int64.max), .seconds(1 << 40)].map { wait in
            Task { try await TimeSource().sleep(for: wait) }
        }
        try await Task.sleep(for: .milliseconds(30))
        for sleeper in sleepers {
            sleeper.cancel()
            await #expect(throws: CancellationError.self) { try await sleeper.value }
        }
    }

    @Test func `a timeout that is gone leaves no sleeper behind`() async throws {
        let clock = clock
        do {
            let timeout = Timeout("timeout", after: .seconds(30), time: time)
            try await timeout.run { await clock.untilSleepers(1) }
        }
        await until { clock.sleepers == 0 }
    }

    // MARK: Queues

    @Test func `a call does not wait for a place beyond the deadline of a layer outside`() async throws {
        let bulkhead = Bulkhead("bulkhead", policy: BulkheadPolicy(limit: 1, queue: 100), time: time)
        let permit = try bulkhead.tryEnter(), time = time
        let pipeline = Pipeline {
            Deadline("deadline", after: .seconds(1), time: time)
            bulkhead
        }
        let call = Task { try await pipeline.run {} }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.waitedTooLong, strategy: "bulkhead")) { try await call.value }
        _ = consume permit
        #expect(bulkhead.load == (0, 0))
    }

    @Test func `a reader that is cancelled stops, though events keep coming`() async {
        let buffer = EventBuffer<HedgeEvent>(capacity: 10),
            event = HedgeEvent(
                hedge: "hedge", attempt: 1, isAllowed: true)
        buffer.record(event)
        let reader = Task {
            var read = 0
            for await event in buffer where read < 1000 {
                read += 1
                buffer.record(event)
                withUnsafeCurrentTask { $0?.cancel() }
            }
            return read
        }
        #expect(await reader.value == 1)
    }

    // MARK: Caches

    @Test func `a load that fails is told and counted, though the second tier has an old value`() async throws
    {
        struct Failed: Error {}
        struct Old: CacheTier {
            func get(_ key: String) async throws -> CacheTierEntry<Int>? {
                CacheTierEntry(7, age: .seconds(90))
            }
            func set(_ value: Int, for key: String, lifetime: Duration) async throws {}
            func remove(_ key: String) async throws {}
        }
        let told = Recorder<CacheEvent<String>.Happening>()
        let cache = Cache<String, Int>(
            policy: CachePolicy(freshFor: .seconds(60), staleIfError: .seconds(3600)), tier: Old(),
            time: time, onEvent: { told.record($0.happening) })
        #expect(try await cache.value(for: "a") { _ in throw Failed() } == 7)
        #expect(cache.counts.loadFailures == 1 && told.events.filter { $0 == .loadFailed }.count == 1)
    }
}
