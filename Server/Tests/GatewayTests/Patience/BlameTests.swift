import Generation
import NIOCore
import Resilience
import ResilienceTesting
import Testing

@testable import Gateway

/// Whose fault a failure is.
@Suite struct BlameTests {
    private static let answering: (String, @Sendable (ProviderCall, Duration) -> VirtualGateway.Act) = (
        "f", { _, _ in .answer(.milliseconds(20)) }
    )

    @Test(arguments: [
        GenerationRequest.Features.media, .tools, .form, .speech, .length,
    ])
    func `requests that need what a target does not have take it away from nobody`(
        feature: GenerationRequest.Features
    ) throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation,
                [
                    (
                        "p",
                        { call, _ in
                            call.request.features.contains(feature) ? .error : .answer(.milliseconds(20))
                        }
                    ),
                    Self.answering,
                ])
            for round in 0..<8 {
                simulation.expect(await gateway.ask().provider == "p", "round \(round)")
                for _ in 0..<4 { _ = await gateway.ask(features: feature) }
            }
            simulation.expect(gateway.breaker("p") == .closed, "its breaker is open")
        }
    }

    @Test func `one caller's failures, and those of one body, take it away from nobody`() throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation,
                [
                    (
                        "p",
                        { call, _ in
                            String(buffer: call.request.body).hasPrefix("bad")
                                ? .error : .answer(.milliseconds(20))
                        }
                    ), Self.answering,
                ])
            for round in 0..<8 {
                simulation.expect(await gateway.ask(caller: "good").provider == "p", "round \(round)")
                for number in 0..<4 { _ = await gateway.ask("bad \(round) \(number)", caller: "other") }
            }
            simulation.expect(gateway.breaker("p") == .closed, "one key opens it")
            for round in 0..<8 {
                simulation.expect(await gateway.ask().provider == "p", "round \(round)")
                for _ in 0..<2 { _ = await gateway.ask("bad body") }
            }
            simulation.expect(gateway.breaker("p") == .closed, "one body opens it")
        }
    }

    @Test func `failures that have nothing in common open it, with pictures among them too`() throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation,
                [
                    ("p", { _, now in now < .seconds(1) ? .answer(.milliseconds(20)) : .error }),
                    Self.answering,
                ])
            for _ in 0..<3 { _ = await gateway.ask() }
            try await simulation.time.sleep(for: .seconds(2))
            _ = await gateway.ask(features: .media)
            for _ in 0..<3 { _ = await gateway.ask() }
            simulation.expect(gateway.breaker("p") == .open, "its breaker is closed")
        }
    }

    @Test func `failures of one caller open it when nobody else is answered`() throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(simulation, [("p", { _, _ in .silent }), Self.answering])
            for _ in 0..<4 { _ = await gateway.ask("the same", caller: "one", features: .tools) }
            simulation.expect(gateway.breaker("p") == .open, "its breaker is closed")
        }
    }

    @Test func `what was answered as well is no reason for failures`() {
        var run = FailureRun()
        func traits(_ features: GenerationRequest.Features, _ id: UInt64) -> RequestTraits {
            RequestTraits(Self.request("body \(id)", features, id), caller: nil)
        }
        _ = run.failed(.request(traits(.media, 1)), mayTrip: true, most: 3, at: Instant())
        run.succeeded(traits(.media, 2), at: Instant())
        run.succeeded(traits([], 3), at: Instant())
        let verdict = run.failed(.request(traits(.media, 4)), mayTrip: true, most: 3, at: Instant())
        #expect(verdict == .counts)
    }

    @Test func `an answer speaks for the target for half a minute, no longer`() {
        var run = FailureRun()
        let other = RequestTraits(Self.request("a", []), caller: nil)
        run.succeeded(other, at: Instant())
        func failed(at seconds: Int) -> FailureRun.Verdict {
            run.failed(
                .request(RequestTraits(Self.request("b", .media, UInt64(seconds)), caller: nil)),
                mayTrip: true, most: 3, at: Instant().advanced(by: .seconds(seconds)))
        }
        #expect(failed(at: 1) == .explained)
        #expect(failed(at: 29) == .explained)
        #expect([31, 32, 33].map(failed) == [.counts, .counts, .trips])
    }

    @Test func `what did not reach the target is put down to no request`() {
        var run = FailureRun()
        run.succeeded(RequestTraits(Self.request("a", []), caller: "x"), at: Instant())
        let verdicts = (0..<3).map {
            run.failed(.outage(RequestID(1, UInt64($0))), mayTrip: true, most: 3, at: Instant())
        }
        #expect(verdicts == [.counts, .counts, .trips])
    }

    @Test func `failures in a row are counted anew after an answer, and not at all without a number`() {
        var run = FailureRun()
        let traits = RequestTraits(Self.request("a", []), caller: nil)
        for _ in 0..<5 {
            for id: UInt64 in 0..<2 {
                #expect(
                    run.failed(.outage(RequestID(1, id)), mayTrip: true, most: 3, at: Instant()) == .counts)
            }
            run.succeeded(traits, at: Instant())
        }
        for id: UInt64 in 0..<9 {
            #expect(run.failed(.outage(RequestID(2, id)), mayTrip: true, most: nil, at: Instant()) == .counts)
        }
        for id: UInt64 in 0..<9 {
            #expect(run.failed(.outage(RequestID(2, id)), mayTrip: false, most: 3, at: Instant()) == .counts)
        }
    }

    @Test func `a request that is asked again counts once`() {
        var run = FailureRun()
        for id: UInt64 in 0..<2 {
            for _ in 0..<5 {
                #expect(
                    run.failed(.outage(RequestID(1, id)), mayTrip: true, most: 3, at: Instant()) == .counts)
            }
        }
        #expect(run.failed(.outage(RequestID(1, 2)), mayTrip: true, most: 3, at: Instant()) == .trips)
    }

    @Test func `requests that are asked again in turns count once each`() {
        var run = FailureRun()
        let ids: [UInt64] = [1, 2, 1, 2, 1]
        for id in ids {
            #expect(run.failed(.outage(RequestID(1, id)), mayTrip: true, most: 3, at: Instant()) == .counts)
        }
        #expect(run.failed(.outage(RequestID(1, 3)), mayTrip: true, most: 3, at: Instant()) == .trips)
    }

    @Test func `a silent target is passed over after three failures, however many keys are in use`() throws {
        try VirtualGateway.run { simulation in
            let gateway = VirtualGateway(
                simulation,
                [
                    ("p", { _, now in now < .seconds(100) ? .answer(.milliseconds(20)) : .silent }),
                    ("f", { _, _ in .answer(.milliseconds(300)) }),
                ])
            var paid = 0
            for number in 0..<140 {
                let ending = await gateway.ask(caller: "caller \(number % 100)")
                simulation.expect(ending.isAnswered, "\(ending)")
                if ending.took > .seconds(1) { paid += 1 }
                try await simulation.time.sleep(for: .seconds(1))
            }
            simulation.expect(paid == 3, "\(paid) requests paid the limit")
        }
    }

    @Test func `two callers whose requests fail take it away from nobody as long as others are answered`() {
        var run = FailureRun(), number: UInt64 = 0
        func traits(_ caller: String, _ features: GenerationRequest.Features = []) -> RequestTraits {
            number += 1
            return RequestTraits(Self.request("body \(number)", features, number), caller: caller)
        }
        func fails(_ caller: String, _ features: GenerationRequest.Features = []) -> FailureRun.Verdict {
            run.failed(.request(traits(caller, features)), mayTrip: true, most: 3, at: Instant())
        }
        run.succeeded(traits("good"), at: Instant())
        #expect(fails("one") == .explained)
        #expect(fails("two") == .counts, "they have nothing in common")
        #expect(fails("two") == .explained)
        run.succeeded(traits("good"), at: Instant())
        #expect(fails("one", .media) == .explained)
        #expect(fails("two", .tools) == .explained, "nobody who needs tools was answered")
        #expect(fails("one", .media) == .explained)
    }

    static func request(
        _ body: String, _ features: GenerationRequest.Features, _ id: UInt64 = 2
    ) -> GenerationRequest {
        GenerationRequest(
            id: RequestID(1, id), model: "m", streams: false, wantsUsage: false, choices: 1,
            features: features,
            body: ByteBuffer(string: body), marks: GenerationRequest.Marks(model: 0..<0, start: 0))
    }
}
