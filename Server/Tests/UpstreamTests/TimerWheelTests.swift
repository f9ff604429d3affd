import NIOCore
import NIOEmbedded
import Testing

@testable import Upstream

@Suite struct TimerWheelTests {
    private final class Fired {
        var at: [Int64] = []
    }

    private func make() -> (EmbeddedEventLoop, TimerWheel, Fired, () -> DeadlineTimer) {
        let loop = EmbeddedEventLoop(), wheel = TimerWheel(loop: loop), fired = Fired()
        return (
            loop, wheel, fired,
            { DeadlineTimer { fired.at.append(Int64(loop.now.uptimeNanoseconds) / 1_000_000) } }
        )
    }

    @Test(arguments: [1, 9, 10, 11, 255, 5119, 5120, 5121, 60_000])
    func `a deadline is never early and at most one tick late`(milliseconds: Int64) {
        let (loop, wheel, fired, timer) = make()
        wheel.arm(timer(), at: loop.now + .milliseconds(milliseconds))
        loop.advanceTime(by: .milliseconds(milliseconds - 1))
        #expect(fired.at.isEmpty)
        loop.advanceTime(by: .milliseconds(21))
        #expect(fired.at.count == 1)
        #expect(fired.at.allSatisfy { (milliseconds...milliseconds + 20).contains($0) })
        #expect(wheel.population == 0)
    }

    @Test func `a deadline that moves away is kept at its new time, one that moves nearer too`() {
        let (loop, wheel, fired, timer) = make()
        let away = timer(), nearer = timer()
        wheel.arm(away, at: loop.now + .milliseconds(100))
        wheel.arm(nearer, at: loop.now + .seconds(30))
        for _ in 0..<10 {
            loop.advanceTime(by: .milliseconds(50))
            wheel.arm(away, at: loop.now + .milliseconds(100))
        }
        #expect(fired.at.isEmpty)
        wheel.arm(nearer, at: loop.now + .milliseconds(30))
        loop.advanceTime(by: .milliseconds(60))
        #expect(fired.at.count == 1)
        loop.advanceTime(by: .milliseconds(80))
        #expect(fired.at.count == 2)
    }

    @Test func `timers that are disarmed or removed stay silent`() {
        let (loop, wheel, fired, timer) = make()
        let disarmed = timer(), removed = timer(), third = timer()
        for one in [disarmed, removed, third] { wheel.arm(one, at: loop.now + .milliseconds(20)) }
        wheel.disarm(disarmed)
        wheel.remove(removed)
        loop.advanceTime(by: .seconds(1))
        #expect(fired.at.count == 1)
        #expect(wheel.population == 0)
    }

    @Test func `a thousand timers at random all fire once, in time`() {
        let (loop, wheel, fired, timer) = make()
        var state: UInt64 = 3, deadlines: [Int64] = []
        for _ in 0..<1000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1
            let milliseconds = Int64(state >> 33) % 20_000 + 1
            deadlines.append(milliseconds)
            wheel.arm(timer(), at: loop.now + .milliseconds(milliseconds))
        }
        for _ in 0..<2100 { loop.advanceTime(by: .milliseconds(10)) }
        #expect(fired.at.count == 1000)
        for (deadline, at) in zip(deadlines.sorted(), fired.at.sorted()) {
            #expect((deadline...deadline + 20).contains(at))
        }
    }
}
