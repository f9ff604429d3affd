import Generation
import NIOCore
import Resilience
import Synchronization
import Testing

@testable import GatewayHTTP

/// Identities tell nothing of those to come.
@Suite struct RequestIDsTests {
    /// The state that a ``Chance`` has after it has drawn `output`.
    private func state(after output: UInt64) -> UInt64 {
        var mixed = unshifted(output, 31)
        mixed = unshifted(mixed &* 0x3196_42B2_D24D_8EC3, 27)
        return unshifted(mixed &* 0x96DE_1B17_3F11_9089, 30)
    }

    private func unshifted(_ value: UInt64, _ shift: UInt64) -> UInt64 {
        var result = value
        for _ in 0..<3 { result = value ^ result >> shift }
        return result
    }

    @Test func `control: a fast generator's next words are foretold from the ones before`() {
        var chance = Chance(seed: 17)
        let seen = RequestID(chance.next(), chance.next())
        var told = Chance(seed: state(after: words(seen).low))
        #expect(RequestID(told.next(), told.next()) == RequestID(chance.next(), chance.next()))
    }

    @Test func `nobody foretells a front's next identity from the ones before`() async throws {
        let entry = RouteTable.Entry("GET", .exactly("/it"), .open) { exchange in
            await exchange.sendText("ok\n")
        }
        try await FrontStage.run([entry]) { port in
            let caller = try await FrontCaller(port)
            let request = "GET /it HTTP/1.1\r\nhost: localhost\r\n\r\n"
            try await caller.send(request + request)
            #expect(try await FrontStage.until { caller.received.ranges(of: "200 OK").count == 2 })
            let ids = caller.received.matches(of: #/x-request-id: (req_[a-z2-7]{26})/#).compactMap {
                RequestID($0.1)
            }
            #expect(ids.count == 2)
            var told = Chance(seed: state(after: words(ids[0]).low))
            #expect(RequestID(told.next(), told.next()) != ids[1])
        }
    }

    @Test func `identities are the bytes of the system, each used once`() {
        let fetches = Atomic(0)
        var ids = RequestIDs { space in
            fetches.wrappingAdd(1, ordering: .relaxed)
            FrontStage.randomBytes(space)
        }
        let made = (0..<1000).map { _ in ids.next() }
        #expect(Set(made).count == 1000)
        #expect(fetches.load(ordering: .relaxed) == 63)
    }

    /// The words that an identity was made of.
    private func words(_ id: RequestID) -> (high: UInt64, low: UInt64) {
        let fives = id.description.utf8.dropFirst(4).map { UInt64($0 >= 0x61 ? $0 - 0x61 : $0 - 0x32 + 26) }
        func word(_ fives: ArraySlice<UInt64>) -> UInt64 { fives.reversed().reduce(0) { $0 << 5 | $1 } }
        return (word(fives[..<13]), word(fives[13...]))
    }
}
