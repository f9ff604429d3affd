import Foundation
import Synchronization
import Testing
import Wall

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A provider that never looks at what its caller does and goes on sending until the system refuses.
private final class StubbornProvider: Sendable {
    struct Failed: Error {}

    let port: Int
    private let listener: Int32
    private let head: [UInt8]
    private let piece: [UInt8]
    private let state = Mutex<(calls: Int, ends: [ContinuousClock.Instant])>((0, []))

    /// - Parameters:
    ///   - head: What it sends at once.
    ///   - piece: What it sends every ten milliseconds after that.
    init(_ head: String, then piece: String) throws {
        (self.head, self.piece) = (Array(head.utf8), Array(piece.utf8))
        #if canImport(Glibc)
            listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in(), length = socklen_t(MemoryLayout<sockaddr_in>.size)
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let listener = listener
        let isReady = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && getsockname(listener, $0, &length) == 0
                    && listen(listener, 64) == 0
            }
        }
        port = Int(in_port_t(bigEndian: address.sin_port))
        guard isReady else { throw Failed() }
        Thread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                guard let self else {
                    close(connection)
                    return
                }
                Thread { self.serve(connection) }.start()
            }
        }.start()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// The calls that came, and when each connection was found closed.
    var calls: Int { state.withLock { $0.calls } }
    var ends: [ContinuousClock.Instant] { state.withLock { $0.ends } }

    private func serve(_ connection: Int32) {
        var request = [UInt8](repeating: 0, count: 65_536)
        guard recv(connection, &request, request.count, 0) > 0 else {
            close(connection)
            return
        }
        state.withLock { $0.calls += 1 }
        let deadline = ContinuousClock.now + .seconds(15)
        var bytes = head
        while ContinuousClock.now < deadline, send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) >= 0 {
            bytes = piece
            usleep(10_000)
        }
        state.withLock { $0.ends.append(.now) }
        close(connection)
    }
}

/// Providers that do not notice that nobody listens any more (F48).
@Suite(.tags(.measuresTime)) struct StubbornProviders {
    private static let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    private static let word = "data: \(Answer.delta(#"{"content":"w"}"#))\n\n"
    private static let finish = "data: \(Answer.delta("{}", finish: #""stop""#))\n\n"

    private static func pair(_ provider: StubbornProvider, _ line: String = "broken_streams: off")
        async throws -> Pair
    {
        try await Pair(settings: {
            $0.primaryURL = "http://127.0.0.1:\(provider.port)/v1"
            $0.wholeAnswers = "stream"
            // The healthy route must not depend on P.
            $0.lines = ["strategy: priority", line]
            $0.timeouts = "{ connect: 1s, head: 1s, first_token: 1s, idle: 5s, total: 20s }"
        }) { _ in [] }
    }

    /// What is wrong with how the provider's connection ends after `moment`.
    private static func flawsOfEnd(_ provider: StubbornProvider, after moment: ContinuousClock.Instant)
        async throws
        -> [String]
    {
        var flaws = Flaws()
        _ = try await eventually(.milliseconds(1300)) { provider.ends.count == provider.calls }
        flaws.expect(provider.calls == 1, "P was asked \(provider.calls) times")
        let end = provider.ends.first
        flaws.expect(end != nil, "P can still send")
        flaws.expect(end.map { $0 - moment < .seconds(1) } ?? true, "P could send for a second")
        return flaws.texts
    }

    /// What the caller waits for: nothing yet, or an answer that has begun.
    enum Moment: String, CaseIterable, Sendable { case silent, begun }

    private static func provider(_ moment: Moment) throws -> StubbornProvider {
        try StubbornProvider(head, then: moment == .begun ? word : ": wait\n\n")
    }

    static func flawsOfLeaving(_ moment: Moment, stream: Bool, leave: (Line) async -> Void) async throws
        -> [String]
    {
        let provider = try Self.provider(moment)
        let pair = try await Self.pair(provider)
        let line = try await pair.begin(stream: stream)
        let hasArrived = try await eventually { provider.calls == 1 }
        guard hasArrived else { return ["the call did not arrive"] }
        try await Task.sleep(for: .milliseconds(200))
        let left = ContinuousClock.now
        await leave(line)
        var flaws = Flaws()
        flaws += try await flawsOfEnd(provider, after: left)
        flaws.expect(pair.callsToF.isEmpty, "F was asked")
        await line.close()
        return flaws.texts
    }

    @Test(arguments: CallersThatLeave.Leaving.allCases, Moment.allCases)
    func `F48: a provider that goes on sending is cut off when the caller has left`(
        leaving: CallersThatLeave.Leaving, moment: Moment
    ) async throws {
        for stream in [false, true] {
            let flaws = try await Self.flawsOfLeaving(moment, stream: stream) { await leaving.leave($0) }
            try requireFlawless(flaws.of("stream \(stream)"))
        }
    }

    @Test func `F48: control: the check finds fault when the caller stays`() async throws {
        let flaws = try await Self.flawsOfLeaving(.begun, stream: true) { _ in }
        #expect(flaws == ["P can still send"])
    }

    @Test(arguments: [false, true])
    func `F48: a provider that goes on sending is cut off when another one has taken over`(stream: Bool)
        async throws
    {
        let provider = try Self.provider(.silent), pair = try await Self.pair(provider)
        let reply = try await pair.chat(stream: stream)
        let over = ContinuousClock.now
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .milliseconds(1800)))
        try requireFlawless(try await Self.flawsOfEnd(provider, after: over))
    }

    @Test func `F48: a provider whose stream was broken off is cut off`() async throws {
        let bad = "data: {]\n\n"
        let provider = try StubbornProvider(Self.head + Self.word, then: bad),
            pair = try await Self.pair(provider)
        let reply = try await pair.chat(stream: true)
        let over = ContinuousClock.now
        try requireFlawless(reply.flaws(asBrokenStreamAfter: "w", within: .seconds(1)))
        try requireFlawless(try await Self.flawsOfEnd(provider, after: over))
    }

    @Test(arguments: ["data: [DONE]\n\n", ""], [": more\n\n", word])
    func `F48: a provider that goes on sending after its answer is complete is cut off`(
        mark: String, piece: String
    )
        async throws
    {
        let provider = try StubbornProvider(Self.head + Self.word + Self.finish + mark, then: piece)
        let pair = try await Self.pair(provider)
        let reply = try await pair.chat(stream: true)
        // Without an end mark the usage may still come for a second.
        try requireFlawless(reply.flaws(asAnswerOf: "p", reply.answer, within: .milliseconds(1500)))
        let over = ContinuousClock.now
        _ = try await eventually(.milliseconds(1500)) { provider.ends.count == 1 }
        #expect(provider.ends.first.map { $0 - over < .milliseconds(1300) } ?? false, "P can still send")
        #expect(pair.callsToF.isEmpty)
    }
}
