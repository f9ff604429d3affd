import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Upstream

@Suite struct NameResolverTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.any()
    private static let address = try? SocketAddress(ipAddress: "192.0.2.1", port: 443)

    private struct Failed: Error {}

    /// What look-ups wait for and count.
    private final class Gate: Sendable {
        let looks = Mutex<[String: Int]>([:])
        let opened = DispatchSemaphore(value: 0)

        func note(_ host: String) { looks.withLock { $0[host, default: 0] += 1 } }
    }

    @Test func `a slow look-up takes one thread and holds up no other name`() async throws {
        let gate = Gate()
        let names = NameResolver(threads: 2) { host, _ in
            gate.note(host)
            if host == "slow" { gate.opened.wait() }
            return [Self.address].compactMap(\.self)
        }
        let slow = (0..<20).map { _ in names.addresses(of: "slow", port: 443, on: loop) }
        for number in 0..<20 {
            #expect(try await names.addresses(of: "quick\(number)", port: 443, on: loop).get().count == 1)
        }
        gate.opened.signal()
        for answer in slow { #expect(try await answer.get().count == 1) }
        #expect(gate.looks.withLock { $0["slow"] } == 1)
    }

    @Test func `when the resolver fails or is slow, what a name last meant is used`() async throws {
        let works = Mutex(true), gate = Gate()
        let names = NameResolver(patience: .milliseconds(20)) { host, _ in
            if works.withLock({ $0 }) { return [Self.address].compactMap(\.self) }
            if host == "slow" { gate.opened.wait() }
            throw Failed()
        }
        for host in ["fails", "slow"] {
            _ = try await names.addresses(of: host, port: 443, on: loop).get()
        }
        works.withLock { $0 = false }
        for host in ["fails", "slow"] {
            #expect(try await names.addresses(of: host, port: 443, on: loop).get() == [Self.address])
        }
        await #expect(throws: Failed.self) {
            try await names.addresses(of: "never known", port: 443, on: loop).get()
        }
        gate.opened.signal()
    }

    @Test func `a look-up that has ended is made anew the next time`() async throws {
        let gate = Gate()
        let names = NameResolver { host, _ in
            gate.note(host)
            return [Self.address].compactMap(\.self)
        }
        for _ in 0..<3 {
            _ = try await names.addresses(of: "a", port: 443, on: loop).get()
            // The end of a look-up is noted after its answer.
            try await loop.submit {}.get()
            try await loop.submit {}.get()
        }
        #expect(gate.looks.withLock { $0["a"] } == 3)
    }

    @Test func `the system knows localhost in both families that it has`() throws {
        let addresses = try NameResolver.askSystem("localhost", 443)
        #expect(addresses.contains { $0.ipAddress == "127.0.0.1" && $0.port == 443 })
        #expect(throws: UnknownName.self) { try NameResolver.askSystem("no-such-name.invalid", 443) }
    }
}
