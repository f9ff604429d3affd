#if canImport(Glibc)
    import Glibc
#endif
import Testing
import Wall

/// Each toxic, measured on real sockets. Lower bounds are exact; upper ones leave room for a busy machine.
@Suite(.serialized, .tags(.measuresTime)) struct ToxicProxies {
    private typealias Toxics = ToxicProxy.Toxics

    private static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }

    @Test func `without toxics everything passes as it came, both ways, and so do the ends`() async throws {
        let sent = Self.bytes(1_000_000), answer = Self.bytes(300_000)
        let circuit = try await Circuit(answers: answer)
        try await circuit.caller.send(sent)
        try await circuit.caller.finish()
        let there = try await circuit.server.wait { $0.endedAt != nil }
        #expect(there.bytes == sent && there.endedAt != nil)
        let here = try await circuit.caller.wait { $0.bytes.count >= answer.count }
        #expect(here.bytes == answer && here.endedAt == nil, "the other direction must stay open")
        #expect(circuit.proxy.passed.bytes == [.forth: sent.count, .back: answer.count])
        try await circuit.server.finish()
        #expect(try await circuit.caller.wait { $0.endedAt != nil }.endedAt != nil)
        let isClosed = try await circuit.caller.wait { _ in circuit.proxy.openConnections == 0 }
        #expect(circuit.proxy.openConnections == 0, "\(isClosed.bytes.count)")
        try await circuit.end()
    }

    @Test func `latency delays one direction and not the other`() async throws {
        let circuit = try await Circuit { $0[.forth] = Toxics { $0.latency = .milliseconds(150) } }
        let begun = ContinuousClock.now
        try await circuit.caller.send([1])
        let there = try await circuit.server.wait { !$0.bytes.isEmpty }
        let delay = try #require(there.pieces.first).at - begun
        #expect(delay >= .milliseconds(150) && delay < .milliseconds(400), "\(delay)")
        let back = ContinuousClock.now
        try await circuit.server.send([2])
        let here = try await circuit.caller.wait { !$0.bytes.isEmpty }
        #expect(try #require(here.pieces.first).at - back < .milliseconds(100))
        try await circuit.end()
    }

    @Test func `latency does not narrow the line: what is sent together arrives together`() async throws {
        let circuit = try await Circuit { $0[.forth] = Toxics { $0.latency = .milliseconds(100) } }
        let begun = ContinuousClock.now
        for number in 0..<10 {
            try await circuit.caller.send([UInt8(number)])
            try await Task.sleep(for: .milliseconds(5))
        }
        let there = try await circuit.server.wait { $0.bytes.count == 10 }
        #expect(there.bytes == Array(0..<10))
        let last = try #require(there.pieces.last).at - begun
        #expect(
            last < .milliseconds(500), "ten pieces one after another would take a second; it took \(last)")
        try await circuit.end()
    }

    @Test func `jitter spreads arrivals, keeps their order, and comes from the seed`() async throws {
        var delays: [[Duration]] = []
        for seed: UInt64 in [7, 7, 8] {
            let circuit = try await Circuit(seed: seed) {
                $0[.forth] = Toxics { $0.jitter = .milliseconds(100) }
            }
            var found: [Duration] = []
            for number in 0..<8 {
                let begun = ContinuousClock.now
                try await circuit.caller.send([UInt8(number)])
                let there = try await circuit.server.wait { $0.bytes.count > number }
                found.append(try #require(there.pieces.last).at - begun)
            }
            #expect(circuit.server.received.bytes == Array(0..<8))
            delays.append(found)
            try await circuit.end()
        }
        let spread = (delays[0].max() ?? .zero) - (delays[0].min() ?? .zero)
        #expect(spread > .milliseconds(20), "\(delays[0])")
        let off = zip(delays[0], delays[1]).map { abs(($0 - $1) / .milliseconds(1)) }.sorted()
        let other = zip(delays[0], delays[2]).map { abs(($0 - $1) / .milliseconds(1)) }.sorted()
        // A busy machine delays each arrival a little; another seed moves them by tens of milliseconds.
        #expect(off[4] < other[4], "the same seed gave \(delays[1]), another \(delays[2]), for \(delays[0])")
    }

    @Test func `bandwidth lets so many bytes pass in a second`() async throws {
        let circuit = try await Circuit { $0[.forth] = Toxics { $0.bytesPerSecond = 100_000 } }
        let begun = ContinuousClock.now
        try await circuit.caller.send(Self.bytes(50_000))
        let there = try await circuit.server.wait(.seconds(4)) { $0.bytes.count == 50_000 }
        let time = try #require(there.pieces.last).at - begun
        #expect(there.bytes == Self.bytes(50_000))
        #expect(time > .milliseconds(440), "50 kB at 100 kB/s took \(time)")
        #expect(time < .milliseconds(900), "50 kB at 100 kB/s took \(time)")
        #expect(there.pieces.count >= 20, "it comes evenly, not in \(there.pieces.count) pieces")
        try await circuit.end()
    }

    @Test func `a narrow line holds back who sends`() async throws {
        let circuit = try await Circuit { $0[.forth] = Toxics { $0.bytesPerSecond = 10_000 } }
        let sending = Task { try await circuit.caller.send([UInt8](repeating: 1, count: 64 << 20)) }
        try await Task.sleep(for: .milliseconds(300))
        // All of it would be in the proxy's memory if it read without end.
        #expect(circuit.proxy.passed.bytes[.forth] ?? 0 < 20_000)
        #expect(circuit.proxy.waitingBytes(.forth) < 2 << 20)
        circuit.proxy[.forth] = Toxics()
        try await sending.value
        #expect(
            try await circuit.server.wait(.seconds(5)) { $0.bytes.count == 64 << 20 }.bytes.count == 64 << 20)
        try await circuit.end()
    }

    @Test func `slices are of the size that is asked for, with pauses between them`() async throws {
        let circuit = try await Circuit {
            $0[.forth] = Toxics { $0.slices = .init(7, pause: .milliseconds(20)) }
        }
        try await circuit.caller.send(Self.bytes(70))
        let there = try await circuit.server.wait { $0.bytes.count == 70 }
        #expect(there.bytes == Self.bytes(70))
        #expect(there.pieces.map(\.size) == Array(repeating: 7, count: 10))
        let time = try #require(there.pieces.last).at - there.pieces[0].at
        #expect(time >= .milliseconds(170))
        #expect(time < .milliseconds(500), "it took \(time), more than half a second")
        try await circuit.end()
    }

    @Test func `a reset after n bytes is seen by both ends`() async throws {
        let circuit = try await Circuit { $0[.forth] = Toxics { $0.resetAfter = 1000 } }
        try await circuit.caller.send(Self.bytes(5000))
        let here = try await circuit.caller.wait { $0.endedAt != nil }
        let there = try await circuit.server.wait { $0.endedAt != nil }
        #expect(here.wasReset && there.wasReset, "\(here.wasReset) \(there.wasReset)")
        #expect(there.bytes.count <= 1000)
        #expect(circuit.proxy.passed.bytes[.forth] == 1000)
        #expect(circuit.proxy.openConnections == 0)
        try await circuit.end()
    }

    @Test func `a limit closes after n bytes, all of which arrive`() async throws {
        let circuit = try await Circuit { $0[.forth] = Toxics { $0.limit = 1000 } }
        try await circuit.caller.send(Self.bytes(5000))
        let there = try await circuit.server.wait { $0.endedAt != nil }
        #expect(there.bytes == Self.bytes(1000) && there.endedAt != nil && !there.wasReset)
        #expect(try await circuit.caller.wait { $0.endedAt != nil }.endedAt != nil)
        try await circuit.end()
    }

    @Test func `a half-close ends one direction and leaves the other`() async throws {
        let circuit = try await Circuit { $0[.forth] = Toxics { $0.halfCloseAfter = 100 } }
        try await circuit.caller.send(Self.bytes(500))
        let there = try await circuit.server.wait { $0.endedAt != nil }
        #expect(there.bytes == Self.bytes(100) && !there.wasReset)
        try await circuit.server.send(Self.bytes(2000))
        let here = try await circuit.caller.wait { $0.bytes.count == 2000 }
        #expect(here.bytes.count == 2000 && here.endedAt == nil)
        try await circuit.end()
    }

    @Test func `what is frozen stays open, and passes when it thaws`() async throws {
        let circuit = try await Circuit()
        try await circuit.caller.send([1])
        try await circuit.server.wait { $0.bytes.count == 1 }
        circuit.proxy[.forth].isFrozen = true
        try await circuit.caller.send([2])
        try await Task.sleep(for: .milliseconds(200))
        #expect(circuit.server.received.bytes == [1] && circuit.server.received.endedAt == nil)
        #expect(circuit.caller.received.endedAt == nil)
        try await circuit.server.send([9])
        #expect(try await circuit.caller.wait { !$0.bytes.isEmpty }.bytes == [9], "back is not frozen")
        circuit.proxy[.forth].isFrozen = false
        #expect(try await circuit.server.wait { $0.bytes.count == 2 }.bytes == [1, 2])
        try await circuit.end()
    }

    @Test func `toxics can be changed while bytes are on their way`() async throws {
        let circuit = try await Circuit { $0[.forth] = Toxics { $0.bytesPerSecond = 1000 } }
        try await circuit.caller.send(Self.bytes(100_000))
        try await Task.sleep(for: .milliseconds(200))
        #expect(circuit.server.received.bytes.count < 1000)
        circuit.proxy[.forth] = Toxics()
        let there = try await circuit.server.wait { $0.bytes.count == 100_000 }
        #expect(there.bytes == Self.bytes(100_000))
        circuit.proxy[.back].resetAfter = 0
        #expect(try await circuit.caller.wait { $0.endedAt != nil }.wasReset, "a connection that is idle")
        try await circuit.end()
    }

    @Test func `who cannot be reached is told by a reset`() async throws {
        let nobody = try DeafListener(isFull: false).port
        let proxy = ToxicProxy(to: nobody)
        let port = try await proxy.start()
        do {
            let caller = try await Probe.connect(port)
            #expect(try await caller.wait { $0.endedAt != nil }.wasReset)
        } catch let error where "\(error)".contains("errno: \(ECONNRESET)") {
            // The reset came while the caller still connected.
        }
    }

    @Test func `who leaves before the proxy is connected leaves nothing behind`() async throws {
        let wall = Wall { Answer.good($0) }
        let proxy = try await ToxicProxy(to: wall.start()), port = try await proxy.start()
        for _ in 0..<200 { try await Probe.connect(port).close() }
        let deadline = ContinuousClock.now + .seconds(2)
        while proxy.openConnections + wall.ledger.openLines > 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(proxy.openConnections == 0 && wall.ledger.openLines == 0, "\(wall.ledger.openLines)")
        #expect(proxy.passed.connections == 200)
    }
}
