import Resilience
import Routing
import Testing

/// Which target a session stays at.
@Suite struct StickySessionsTests {
    private static let lifetime = Duration.seconds(60)

    private static func key(_ number: Int) -> StickySessions.Key {
        StickySessions.Key(UInt64(number), 7)
    }

    private static func at(_ seconds: Int64) -> Instant { Instant(sinceOrigin: .seconds(seconds)) }

    private func target(_ sessions: StickySessions, _ number: Int, at seconds: Int64) -> String? {
        sessions.target(of: Self.key(number), at: Self.at(seconds), lifetime: Self.lifetime)
    }

    @Test func `a session is at the target that answered it last`() {
        var sessions = StickySessions()
        #expect(target(sessions, 1, at: 0) == nil)
        sessions.answered(Self.key(1), by: "a", at: Self.at(0))
        sessions.answered(Self.key(2), by: "b", at: Self.at(0))
        #expect(target(sessions, 1, at: 1) == "a" && target(sessions, 2, at: 1) == "b")
        sessions.answered(Self.key(1), by: "b", at: Self.at(2))
        #expect(target(sessions, 1, at: 3) == "b" && sessions.count == 2)
    }

    @Test func `both words of the digest tell sessions apart`() {
        var sessions = StickySessions()
        sessions.answered(StickySessions.Key(1, 2), by: "a", at: Self.at(0))
        for other in [StickySessions.Key(1, 3), StickySessions.Key(2, 2), StickySessions.Key(2, 1)] {
            #expect(sessions.target(of: other, at: Self.at(0), lifetime: Self.lifetime) == nil)
        }
    }

    @Test func `it is forgotten its lifetime after the last answer`() {
        var sessions = StickySessions()
        sessions.answered(Self.key(1), by: "a", at: Self.at(0))
        #expect(target(sessions, 1, at: 59) == "a")
        #expect(target(sessions, 1, at: 60) == nil)
        sessions.answered(Self.key(1), by: "a", at: Self.at(50))
        #expect(target(sessions, 1, at: 109) == "a")
    }

    @Test func `the session that was answered longest ago makes room for a new one`() {
        var sessions = StickySessions(capacity: 3)
        for number in 0..<3 { sessions.answered(Self.key(number), by: "a", at: Self.at(0)) }
        sessions.answered(Self.key(0), by: "b", at: Self.at(1))
        sessions.answered(Self.key(3), by: "a", at: Self.at(1))
        #expect(sessions.count == 3)
        #expect((0...3).map { target(sessions, $0, at: 1) } == ["b", nil, "a", "a"])
    }

    @Test func `whatever comes, it remembers the latest and no more than its capacity`() {
        let seed = UInt64.random(in: 0 ... .max)
        var chance = Chance(seed: seed), sessions = StickySessions(capacity: 8), order: [Int] = []
        for step in 0..<5000 {
            let number = Int(chance.next() % 20)
            sessions.answered(Self.key(number), by: "\(step)", at: Self.at(0))
            order.removeAll { $0 == number }
            order.append(number)
            order = order.suffix(8)
            let known = (0..<20).filter { target(sessions, $0, at: 0) != nil }
            #expect(known == order.sorted(), "seed \(seed), step \(step)")
            #expect(target(sessions, number, at: 0) == "\(step)", "seed \(seed)")
        }
    }

    @Test func `a memory for nobody remembers one`() {
        var sessions = StickySessions(capacity: 0)
        sessions.answered(Self.key(1), by: "a", at: Self.at(0))
        sessions.answered(Self.key(2), by: "a", at: Self.at(0))
        #expect(sessions.count == 1 && target(sessions, 2, at: 0) == "a")
    }
}
