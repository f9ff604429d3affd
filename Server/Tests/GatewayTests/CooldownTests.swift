import Generation
import Resilience
import Testing

@testable import Gateway

@Suite struct CooldownTests {
    private func at(_ seconds: Int) -> Instant { Instant(sinceOrigin: .seconds(seconds)) }

    @Test func `the longer wish stays, whichever came first`() {
        for wishes in [[5, 20], [20, 5]] {
            var cooldown = Cooldown()
            for wish in wishes { cooldown.extend(by: .seconds(wish), because: .rateLimit, at: at(0)) }
            #expect(cooldown.remaining(at: at(1))?.time == .seconds(19))
        }
    }

    @Test func `it is over when its time has come`() {
        var cooldown = Cooldown()
        cooldown.extend(by: .seconds(5), because: .quotaExceeded, at: at(10))
        #expect(cooldown.remaining(at: at(14))?.kind == .quotaExceeded)
        #expect(cooldown.remaining(at: at(15)) == nil)
    }

    @Test func `only a cooldown for that reason is ended`() {
        var cooldown = Cooldown()
        cooldown.extend(by: .seconds(5), because: .rateLimit, at: at(0))
        cooldown.end(.authentication)
        #expect(cooldown.remaining(at: at(1)) != nil)
        cooldown.end(.rateLimit)
        #expect(cooldown.remaining(at: at(1)) == nil)
    }
}
