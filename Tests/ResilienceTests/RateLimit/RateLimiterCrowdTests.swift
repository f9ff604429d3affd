import Foundation
import ResilienceTesting
import Testing

@testable import Resilience

/// Many that wait for permits and leave.
@Suite struct RateLimiterCrowdTests {
    private static let algorithms: [RateLimitPolicy.Algorithm] = [.tokenBucket, .slidingWindow, .cycles]

    private static func machine(_ algorithm: RateLimitPolicy.Algorithm) -> RateLimiter.StateMachine {
        RateLimiter.StateMachine(
            RateLimitPolicy(
                permits: 3, per: .milliseconds(1), algorithm: algorithm, maximumWaiters: 1_000_000))
    }

    /// Who waits under which number, for how many permits, until when.
    private struct Waiting: Equatable {
        let id: UInt64, permits: Int
        var due: Int64
    }

    private static func enter(_ permits: [Int], _ machine: inout RateLimiter.StateMachine) -> [Waiting] {
        permits.compactMap { permits in
            guard case .queued(let id, let due) = machine.enter(permits, upTo: .max, at: 0) else {
                return nil
            }
            return Waiting(id: id, permits: permits, due: due)
        }
    }

    /// Lets everybody pass who waits, at their moments.
    private static func drain(_ waiting: [Waiting], _ machine: inout RateLimiter.StateMachine) -> [Waiting] {
        var waiting = waiting, passed: [Waiting] = []
        func note(_ moves: [RateLimiter.Move]) {
            for move in moves {
                guard let index = waiting.firstIndex(where: { $0.id == move.id }) else { continue }
                waiting[index].due = move.due
            }
        }
        note(machine.takeMoves())
        while let next = waiting.first {
            waiting.removeFirst()
            expect(machine.pass(next.id, due: next.due))
            passed.append(next)
            note(machine.takeMoves())
        }
        return passed
    }

    @Test(arguments: algorithms, 1...30 as ClosedRange<UInt64>)
    func `those who stay pass when they would have if those who left had never come`(
        algorithm: RateLimitPolicy.Algorithm, seed: UInt64
    ) {
        var chance = Chance(seed: seed), machine = Self.machine(algorithm)
        // Nobody passes at once: what has come in time cannot be given back.
        expect(machine.acquire(3, at: 0))
        var other = machine
        var waiting = Self.enter((0..<40).map { _ in 1 + Int(chance.next() % 3) }, &machine)
        waiting.removeAll { waiter in
            guard chance.next() % 3 == 0 else { return false }
            expect(machine.cancel(waiter.id, at: 0))
            return true
        }
        var same = Self.enter(waiting.map(\.permits), &other)
        if seed % 2 == 0 {
            let wait = machine.wait(for: 1, at: 0), other = other.wait(for: 1, at: 0)
            #expect(wait == other, "who comes later")
        }
        waiting = Self.drain(waiting, &machine)
        same = Self.drain(same, &other)
        #expect(waiting.map(\.due) == same.map(\.due))
        #expect(machine.waiting == 0 && other.waiting == 0)
    }

    @Test(arguments: algorithms)
    func `one that leaves moves one other, however many wait behind it`(
        algorithm: RateLimitPolicy.Algorithm
    ) {
        var machine = Self.machine(algorithm)
        let waiting = Self.enter(Array(repeating: 3, count: 1000), &machine)
        for waiter in waiting.dropLast() {
            expect(machine.cancel(waiter.id, at: 0))
            #expect(machine.takeMoves().count == 1)
        }
        #expect(machine.waiting == 1)
    }

    /// The time that this thread has had the processor, which others do not make longer.
    private static var threadTime: Duration {
        // The words of a timespec: its members belong to a module that cannot be named.
        var time = (seconds: 0, nanoseconds: 0)
        _ = withUnsafeMutablePointer(to: &time) { pointer in
            pointer.withMemoryRebound(to: timespec.self, capacity: 1) {
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, $0)
            }
        }
        return .seconds(time.seconds) + .nanoseconds(time.nanoseconds)
    }

    @Test(arguments: algorithms, [false, true])
    func `a crowd that leaves costs little more for each than a small one`(
        algorithm: RateLimitPolicy.Algorithm, lastFirst: Bool
    ) {
        func cost(_ count: Int) -> Duration {
            let times = (0..<5).map { _ in
                var machine = Self.machine(algorithm)
                let waiting = Self.enter(Array(repeating: 1, count: count), &machine)
                let leaving = lastFirst ? waiting.reversed() : waiting
                let begin = Self.threadTime
                for waiter in leaving { expect(machine.cancel(waiter.id, at: 0)) }
                return Self.threadTime - begin
            }
            return times.min() ?? .zero
        }
        // Eight times as many cost eight times as much, or a little more; if each cost as much as those behind it, 64 times.
        #expect(cost(8000) < cost(1000) * 30)
    }

    @Test func `one that leaves at the moment at which it moves up is told nothing any more`() {
        var machine = Self.machine(.tokenBucket)
        let waiting = Self.enter([3, 3, 3, 3, 3], &machine)
        // The third is second now, and so it is not told yet.
        expect(machine.cancel(waiting[1].id, at: 0) && machine.takeMoves().isEmpty)
        // The first has its permits now, though it is still to wake up.
        expect(machine.cancel(waiting[2].id, at: waiting[0].due))
        #expect(machine.takeMoves() == [RateLimiter.Move(id: waiting[3].id, due: waiting[1].due)])
    }

    @Test(arguments: algorithms)
    func `a reservation behind those who moved up lets them pass no later`(
        algorithm: RateLimitPolicy.Algorithm
    ) {
        var machine = Self.machine(algorithm)
        var waiting = Self.enter(Array(repeating: 3, count: 6), &machine)
        let dues = waiting.map(\.due)
        // The second and the third leave; those behind are first told when they are first, or when somebody reserves.
        for _ in 0..<2 { expect(machine.cancel(waiting.remove(at: 1).id, at: 0)) }
        #expect(machine.takeMoves().isEmpty)
        expect(machine.reserve(3, upTo: .max, at: 0) == dues[3])
        expect(machine.cancel(waiting.remove(at: 0).id, at: 0))
        #expect(Self.drain(waiting, &machine).map(\.due) == Array(dues[1...2]))
    }
}
