import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct ConcurrencyLimiterTests {
    private typealias Server = SimulatedServer

    private static let algorithms = SimulatedServer.algorithms

    private func machine(
        _ algorithm: ConcurrencyLimitPolicy.Algorithm, initial: Int = 20, minimum: Int = 1,
        maximum: Int = 1000
    ) -> ConcurrencyLimiter.StateMachine {
        SimulatedServer.limit(algorithm, initial: initial, minimum: minimum, maximum: maximum)
    }

    // MARK: Permits

    @Test func `calls beyond the limit are rejected, and each end makes room`() throws {
        let limiter = ConcurrencyLimiter("test", policy: ConcurrencyLimitPolicy(initial: 2))
        let first = try limiter.enter(), second = try limiter.enter()
        #expect(throws: Rejection(.full, strategy: "test")) { _ = try limiter.enter() }
        first.success(latency: .milliseconds(5))
        let third = try limiter.enter()
        second.dropped()
        third.ignored()
        #expect(limiter.snapshot.inFlight == 0)
    }

    @Test(arguments: algorithms, Array<UInt64>(1...10))
    func `every permit comes back, whatever its end, and what is ignored teaches nothing`(
        algorithm: ConcurrencyLimitPolicy.Algorithm, seed: UInt64
    ) {
        let limiter = ConcurrencyLimiter(
            "test", policy: ConcurrencyLimitPolicy(algorithm, initial: 8, minimum: 2, maximum: 30),
            chance: Chance(seed: seed))
        var chance = Chance(seed: seed), wrong = 0
        func call(_ depth: Int) {
            let before = limiter.snapshot
            guard let permit = try? limiter.enter() else {
                if before.inFlight < before.limit { wrong += 1 }
                return
            }
            if before.inFlight >= before.limit || limiter.snapshot.inFlight != before.inFlight + 1 {
                wrong += 1
            }
            for _ in 0..<chance.next() % 3 where depth < 25 { call(depth + 1) }
            let during = limiter.snapshot
            switch chance.next() % 5 {
            case 0: permit.success(latency: .milliseconds(chance.next() % 300))
            case 1: permit.success(latency: .milliseconds(10))
            case 2: permit.dropped()
            case 3:
                permit.ignored()
                if limiter.snapshot.limit != during.limit { wrong += 1 }
            default:
                // Left without a word, as by an error that is thrown.
                _ = consume permit
                if limiter.snapshot.limit != during.limit { wrong += 1 }
            }
            if limiter.snapshot.inFlight != during.inFlight - 1 { wrong += 1 }
        }
        for _ in 0..<300 { call(0) }
        #expect(wrong == 0 && limiter.snapshot.inFlight == 0, "seed \(seed)")
    }

    // MARK: Limits

    @Test(arguments: algorithms, Array<UInt64>(1...10))
    func `whatever happens, the limit stays within its bounds`(
        algorithm: ConcurrencyLimitPolicy.Algorithm, seed: UInt64
    ) {
        var machine = machine(algorithm, minimum: 3, maximum: 50), chance = Chance(seed: seed)
        let strange: [Double] = [0, -1, .nan, .infinity, .greatestFiniteMagnitude, 1]
        for _ in 0..<2000 {
            let latency =
                chance.next() % 10 == 0
                ? strange[Int(chance.next() % 6)] : 1e6 / (1e-3 + chance.unit())
            let inFlight = chance.next() % 100 == 0 ? Int.max : Int(chance.next() % 60)
            machine.sample(latency, inFlight: inFlight, dropped: chance.next() % 4 == 0)
            #expect((3...50).contains(machine.limit), "seed \(seed)")
        }
    }

    @Test func `settings out of their ranges do no harm`() {
        let vegas = ConcurrencyLimitPolicy.Vegas(
            alpha: .fixed(.nan), beta: .fixed(.infinity), smoothing: -1, probe: -5)
        let gradient = ConcurrencyLimitPolicy.Gradient(
            tolerance: .nan, smoothing: .nan, window: .min, queue: .nan, probe: .max)
        for algorithm: ConcurrencyLimitPolicy.Algorithm in [
            .aimd(.init(backoff: .nan, timeout: .zero)), .vegas(vegas), .gradient(gradient),
        ] {
            for bounds in [(0, -1, -5), (Int.max, Int.max, Int.max), (.min, .min, .min)] {
                var machine = machine(algorithm, initial: bounds.0, minimum: bounds.1, maximum: bounds.2)
                for inFlight in 0..<200 { machine.sample(5, inFlight: inFlight, dropped: inFlight % 3 == 0) }
                #expect(machine.limit >= 1)
            }
        }
    }

    @Test(arguments: algorithms)
    func `calls that do not use the limit do not raise it`(algorithm: ConcurrencyLimitPolicy.Algorithm) {
        var machine = machine(algorithm)
        for _ in 0..<5000 { machine.sample(1e6, inFlight: 5, dropped: false) }
        #expect(machine.estimate == 20)
    }

    @Test(arguments: algorithms)
    func `drops lower the limit`(algorithm: ConcurrencyLimitPolicy.Algorithm) {
        var machine = machine(algorithm, initial: 100)
        for _ in 0..<10 { machine.sample(0, inFlight: 100, dropped: true) }
        #expect(machine.limit < 95)
    }

    @Test func `a success that took longer than the timeout counts as a drop`() {
        var machine = machine(.aimd(.init(timeout: .milliseconds(100))))
        machine.sample(100e6, inFlight: 20, dropped: false)
        #expect(machine.limit == 21)
        machine.sample(100e6 + 1, inFlight: 20, dropped: false)
        #expect(machine.limit == 18)
    }

    // Vegas takes any latency above the least for a queue, so that noise holds it down: it is for steady servers.
    @Test(arguments: [
        (ConcurrencyLimitPolicy.Algorithm.vegas(), 0.0), (.gradient(), 0.0), (.gradient(), 0.2),
        (.gradient(), 0.5),
    ])
    func `the limit finds what the server can do and stays there`(
        algorithm: ConcurrencyLimitPolicy.Algorithm, noise: Double
    ) {
        for capacity in [10.0, 60, 300] {
            var server = Server(machine: machine(algorithm), capacity: capacity, noise: noise)
            server.serve(8000)
            #expect(server.machine.estimate > capacity * 0.6, "capacity \(capacity)")
            #expect(server.machine.estimate < capacity * 2 + 15, "capacity \(capacity)")
        }
    }

    @Test(arguments: [ConcurrencyLimitPolicy.Algorithm.vegas(), .gradient()])
    func `a server that became slower or faster is measured anew`(algorithm: ConcurrencyLimitPolicy.Algorithm)
    {
        var server = Server(machine: machine(algorithm), capacity: 40)
        server.serve(10_000)
        server.base = 50e6
        server.serve(10_000)
        #expect(server.machine.estimate > 24)
        server.base = 5e6
        server.serve(10_000)
        #expect(server.machine.estimate > 24 && server.machine.estimate < 100)
    }

    @Test func `a probe halves the limit for some calls, and those from before it do not count`() {
        var machine = machine(.gradient(.init(probe: 20)), initial: 100)
        var rounds = Rounds()
        while !machine.isProbing, rounds.another() {
            machine.sample(50e6, inFlight: machine.limit, dropped: false)
        }
        let limit = machine.limit
        for _ in 0..<60 { machine.sample(50e6, inFlight: 100, dropped: false) }
        #expect(machine.isProbing && machine.limit == limit && limit == Int(machine.estimate / 2))
        for _ in 0..<20 { machine.sample(10e6, inFlight: limit, dropped: false) }
        #expect(!machine.isProbing && machine.baseline == 10e6)
    }

    // MARK: As a layer

    @Test func `a layer measures the time of a call, and takes what says so for overload`() async throws {
        struct Busy: Error {}
        struct Wrong: Error {}
        let clock = VirtualClock()
        let policy = ConcurrencyLimitPolicy(.aimd(), initial: 10, minimum: 1, maximum: 100)
        let limiter = ConcurrencyLimiter("test", policy: policy)
        let pipeline = Pipeline { limiter.timed(by: TimeSource(clock)) { $0 is Busy } }
        await #expect(throws: Wrong.self) { try await pipeline.run { throw Wrong() } }
        #expect(limiter.snapshot.limit == 10 && limiter.snapshot.inFlight == 0)
        await #expect(throws: Busy.self) { try await pipeline.run { throw Busy() } }
        #expect(limiter.snapshot.limit < 10 && limiter.snapshot.inFlight == 0)

        let learning = ConcurrencyLimiter("test", policy: ConcurrencyLimitPolicy(initial: 10))
        let timed = Pipeline { learning.timed(by: TimeSource(clock)) }
        try await timed.run { clock.advance(by: .milliseconds(70)) }
        #expect(learning.snapshot.baseline == .milliseconds(70))
        #expect(timed.layers.outline == [PipelineLayer("test", .bulkhead)])
    }

    @Test func `a layer rejects what is beyond the limit, and counts a time that ran out inside as overload`()
        async throws
    {
        let clock = VirtualClock(), time = TimeSource(clock)
        let policy = ConcurrencyLimitPolicy(.aimd(), initial: 2, minimum: 1, maximum: 100)
        let limiter = ConcurrencyLimiter("test", policy: policy)
        let pipeline = Pipeline { limiter.timed(by: time) }
        let first = try limiter.enter(), second = try limiter.enter()
        await #expect(throws: Rejection(.full, strategy: "test")) { try await pipeline.run { 1 } }
        first.ignored()
        second.ignored()
        await #expect(throws: Rejection.self) {
            try await pipeline.run { throw Rejection(.timedOut, strategy: "inside") }
        }
        #expect(limiter.snapshot.limit == 1)
    }
}
