import Foundation
import Testing
import Wall

/// A real llama.cpp server in front of another provider.
@Suite(.tags(.measuresTime)) struct LlamaServer {
    private static let requests = 200, concurrency = 8

    /// Requests one after the other from several callers; every other one is a stream.
    private static func ask(_ pair: Pair, _ answered: @escaping @Sendable (Int) -> Void) async throws
        -> [Client.Reply]
    {
        try await withThrowingTaskGroup(of: [Client.Reply].self) { tasks in
            for caller in 0..<concurrency {
                tasks.addTask {
                    var replies: [Client.Reply] = []
                    for number in stride(from: caller, to: requests, by: concurrency) {
                        replies.append(
                            try await pair.chat(
                                stream: number / concurrency % 2 == 0,
                                more: #","max_tokens":24,"user":"\#(number)""#))
                        answered(number)
                    }
                    return replies
                }
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
    }

    @Test func `a llama.cpp server that is killed among 200 requests loses no answer and hides no cut`()
        async throws
    {
        let server = try await RealLlamaServer()
        defer { server.kill() }
        let pair = try await Pair(
            places: Stage.shared.places,
            settings: {
                $0.primaryURL = server.url
                $0.timeouts = "{ first_token: 4s, idle: 4s, total: 30s }"
            }
        ) { _ in [] }

        let replies = try await Self.ask(pair) { number in
            if number == Self.requests / 2 { server.kill() }
        }
        #expect(replies.count == Self.requests)
        var byLlama = 0, byF = 0, broken = 0
        for reply in replies {
            let provider = reply.field("x-holdfast-provider")
            #expect(reply.status == 200 && reply.isWellEnded, "\(reply.status): \(reply.body.prefix(200))")
            if reply.isStream, !reply.errorEvents.isEmpty {
                broken += 1
                try requireFlawless(reply.flaws(asBrokenStreamAfter: reply.answer, within: .seconds(10)))
                continue
            }
            if provider == "f" { byF += 1 } else { byLlama += 1 }
            if reply.isStream {
                #expect(reply.hasFinish && reply.hasDone && reply.ends == 1, "\(reply.events.suffix(2))")
            } else {
                #expect(reply.body.contains(#""finish_reason""#) && !reply.answer.isEmpty)
            }
            if provider == "f" { #expect(reply.answer == Pair.answerOfF) }
        }
        #expect(byLlama > 60 && byF > 60, "llama \(byLlama), F \(byF), broken \(broken)")
        #expect(broken <= Self.concurrency, "\(broken) streams broke")
        try requireFlawless(try await pair.aftermath())
    }
}

/// Finds a port that nobody listens on.
enum FreePort {
    struct None: Error {}

    static func find() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard status == 0 else { throw None() }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
