import Testing

@testable import Simulation

/// Files of which values were replaced at random: each is read or refused, and what is read can be run.
@Suite struct DamagedFileTests {
    private static let odd: [JSONValue?] = [
        nil, .null, .bool(true), .unreadable, .text(""), .text("ash"), .text("flap"), .list([]),
        .members([:]),
        .list([.number(1), .number(2)]), .list([.number(0), .number(9), .number(4)]),
        .number(0), .number(-0.0), .number(-1), .number(0.5), .number(1), .number(1e-300), .number(3),
        .number(64), .number(1e6), .number(1e9), .number(1e18), .number(.greatestFiniteMagnitude),
        .number(.infinity), .number(.nan), .number(.leastNonzeroMagnitude), .number(-1e300),
    ]

    @Test(arguments: UInt64(1)...8)
    func `nothing traps, whatever stands in a file`(seed: UInt64) throws {
        let whole = try Worlds.small(), paths = whole.paths
        var read = 0
        for number in 0..<UInt64(600) {
            var value = whole
            for round in 0..<(number % 2 + 1) {
                let random = CounterRandom(seed: seed, stream: .requests, number, round)
                let path = paths[Int(random.unit(0) * Double(paths.count))]
                value = value.with(
                    Self.odd[Int(random.unit(1) * Double(Self.odd.count))], at: path[...])
            }
            guard let file = try? WorldFile(value) else { continue }
            read += 1
            for scenario in file.scenarios { run(scenario, file, seed, "seed \(seed), file \(number)") }
        }
        #expect(read > 40, "too few files were read to say anything: \(read), seed \(seed)")
    }

    /// Runs a scenario for a while and looks at what comes of it.
    private func run(
        _ scenario: WorldFile.Scenario, _ file: WorldFile, _ seed: UInt64, _ words: Comment
    ) {
        guard scenario.arrival.peakRate * scenario.duration < 20_000 else { return }
        var world = World(scenario, in: file, seed: seed)
        for request in world.requests.prefix(500) {
            for provider in world.sites.indices {
                let attempt = world.attempt(of: request.index, at: provider, time: request.arrival)
                world.begin(at: provider)
                let total = attempt.outcome.total, share = attempt.remainingShare
                if !(total >= 0 && share >= 0 && share.isFinite && request.estimate >= 1) {
                    Issue.record(words)
                }
                if !(world.cost(of: request, at: provider, givenUpAfter: 1, of: attempt.outcome) >= 0) {
                    Issue.record(words)
                }
            }
        }
    }

    @Test(arguments: UInt64(1)...4)
    func `nothing traps, whatever bytes of a file are others`(seed: UInt64) throws {
        let whole = try Worlds.bytes("adversarial")
        for number in 0..<UInt64(30) {
            var bytes = whole
            for round in 0..<(number % 4 + 1) {
                let random = CounterRandom(seed: seed, stream: .attempts, number, round)
                let place = Int(random.unit(0) * Double(bytes.count))
                let symbols = Array(#"0123456789.eE-+"{}[],:nt "#.utf8) + [0, 255]
                bytes[place] = symbols[Int(random.unit(1) * Double(symbols.count))]
            }
            _ = try? WorldFile(json: bytes)
        }
    }
}
