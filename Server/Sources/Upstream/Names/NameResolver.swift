import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// Looks host names up away from the event loops, on a few threads of its own.
///
/// A name that is being looked up is not looked up again: however many wait for a slow one, it takes one thread. What a
/// name last meant is remembered, and used when the look-up fails or takes long: a resolver's bad hour is not the
/// provider's.
final class NameResolver: Sendable {
    /// What asks the system. Blocks.
    typealias LookUp = @Sendable (_ host: String, _ port: Int) throws -> [SocketAddress]

    /// How long a look-up may take before what is remembered is used. 1 s.
    static let patience = TimeAmount.seconds(1)
    /// The names that are remembered.
    private static let maximumNames = 1024

    private struct Name: Hashable {
        let host: String
        let port: Int
    }

    private struct State {
        var running: [Name: EventLoopFuture<[SocketAddress]>] = [:]
        var known: [Name: [SocketAddress]] = [:]
    }

    private let state = Mutex(State())
    private let threads: NIOThreadPool
    private let patience: TimeAmount
    private let lookUp: LookUp

    init(
        threads: Int = 8, patience: TimeAmount = NameResolver.patience,
        lookUp: @escaping LookUp = NameResolver.askSystem
    ) {
        self.threads = NIOThreadPool(numberOfThreads: threads)
        self.patience = patience
        self.lookUp = lookUp
        self.threads.start()
    }

    deinit {
        threads.shutdownGracefully { _ in }
    }

    /// The addresses of a host, best first.
    func addresses(of host: String, port: Int, on loop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
        let name = Name(host: host, port: port)
        let (answer, known) = state.withLock { state in
            let running = state.running[name] ?? begin(name, on: loop)
            state.running[name] = running
            return (running.hop(to: loop), state.known[name])
        }
        guard let known else { return answer }
        let promise = loop.makePromise(of: [SocketAddress].self)
        let timer = loop.scheduleTask(in: patience) { promise.succeed(known) }
        answer.whenComplete { result in
            timer.cancel()
            promise.succeed((try? result.get()) ?? known)
        }
        return promise.futureResult
    }

    private func begin(_ name: Name, on loop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
        let lookUp = lookUp
        let answer = threads.runIfActive(eventLoop: loop) { try lookUp(name.host, name.port) }
        // Not at once: the caller holds the lock.
        answer.whenComplete { result in
            loop.execute { self.end(name, try? result.get()) }
        }
        return answer
    }

    private func end(_ name: Name, _ addresses: [SocketAddress]?) {
        state.withLock { state in
            state.running[name] = nil
            guard let addresses, !addresses.isEmpty else { return }
            if state.known.count >= Self.maximumNames, state.known[name] == nil { state.known = [:] }
            state.known[name] = addresses
        }
    }

    /// Asks the system's resolver.
    static let askSystem: LookUp = { host, port in
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let first = list else {
            throw UnknownName()
        }
        defer { freeaddrinfo(first) }
        return sequence(first: first, next: { $0.pointee.ai_next }).compactMap { entry in
            guard let address = entry.pointee.ai_addr else { return nil }
            switch entry.pointee.ai_family {
            case AF_INET:
                return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    SocketAddress($0.pointee, host: host)
                }
            case AF_INET6:
                return address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    SocketAddress($0.pointee, host: host)
                }
            default: return nil
            }
        }
    }
}

/// A name that stands for nothing, as far as the resolver can tell.
struct UnknownName: Error {}

/// Gives a bootstrap the addresses of a host as NIO asks for them, so that it tries them in the order that RFC 8305
/// recommends. Both questions share one look-up.
struct AddressQueries: Resolver, Sendable {
    let names: NameResolver
    let loop: any EventLoop

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        names.addresses(of: host, port: port, on: loop).map { $0.filter { $0.protocol == .inet } }
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        names.addresses(of: host, port: port, on: loop).map { $0.filter { $0.protocol == .inet6 } }
    }

    func cancelQueries() {}
}
