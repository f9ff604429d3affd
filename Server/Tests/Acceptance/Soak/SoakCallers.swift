import Foundation
import Wall

/// Those who ask, all at the same time, until they have asked for long enough.
struct SoakCallers: Sendable {
    /// How long a caller waits for its reply; the gateway promises one within eight seconds.
    static let limit = Duration.seconds(12)

    let stage: SoakStage
    /// Whether the line to the callers is not to be relied on.
    var mayBeCut = false
    /// The first round, so that no two requests of a stage are the same.
    var firstRound = 0

    /// Asks until both the time has passed and there were so many requests.
    func run(for time: Duration, atLeast least: Int = 0) async throws -> SoakTally {
        let book = SoakBook()
        let deadline = ContinuousClock.now + time
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for caller in 0..<SoakPlan.callers {
                tasks.addTask {
                    var round = firstRound
                    while ContinuousClock.now < deadline || book.tally.total < least {
                        let request = stage.plan.request(caller, round)
                        let reply = try await ask(request)
                        let verdict = SoakVerdict(reply, to: request, stage.plan, mayBeCut: mayBeCut)
                        book.add(verdict, stage.plan.name(request), reply.elapsed)
                        round += 1
                    }
                }
            }
            try await tasks.waitForAll()
        }
        return book.tally
    }

    private func ask(_ request: SoakPlan.Request) async throws -> Client.Reply {
        try await Task.sleep(for: request.pause)
        let user = #","user":"\#(request.user)""#
        do {
            let line = try await Client.begin(
                stage.port, model: request.model, stream: request.stream, more: user)
            let reply = await line.wait(request.leavesAfter ?? Self.limit) { $0.closed }
            // Half of those who leave do so without a word.
            if request.leavesAfter != nil, request.stream { await line.reset() } else { await line.close() }
            return reply
        } catch  where mayBeCut {
            return Client.Reply()
        }
    }
}

/// Changes the toxics of a line again and again.
struct SoakWeather: Sendable {
    let proxy: ToxicProxy
    let seed: UInt64

    /// Goes on until it is cancelled.
    func blow() async {
        var chance = Seeded(seed)
        while !Task.isCancelled {
            for direction in ToxicProxy.Direction.allCases {
                proxy[direction] = Self.toxics(&chance)
            }
            try? await Task.sleep(for: .milliseconds(100 + Int(chance.fraction() * 300)))
        }
    }

    private static func toxics(_ chance: inout Seeded) -> ToxicProxy.Toxics {
        let kind = Int(chance.fraction() * 12), amount = Int(chance.fraction() * 3000)
        return ToxicProxy.Toxics { toxics in
            switch kind {
            case 0: toxics.resetAfter = amount
            case 1: toxics.limit = amount
            case 2: toxics.halfCloseAfter = amount
            case 3: toxics.isFrozen = true
            case 4: toxics.bytesPerSecond = 20_000
            case 5: toxics.slices = .init(1 + amount / 30, pause: .milliseconds(1))
            case 6, 7:
                toxics.latency = .milliseconds(20)
                toxics.jitter = .milliseconds(50)
            default: break
            }
        }
    }
}
