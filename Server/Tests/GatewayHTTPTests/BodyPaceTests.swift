import NIOCore
import Testing

@testable import GatewayHTTP

@Suite struct BodyPaceTests {
    private static let settings = FrontSettings(
        bodyTime: .seconds(60), bodyWindow: .seconds(10), minimumBodyRate: 100)

    /// Looks at a body every half second.
    ///
    /// - Parameter received: The bytes that have come by a second.
    /// - Returns: The fault and its second; nil if there is none within 100 s.
    private func fault(_ received: (Double) -> Int) -> (fault: BodyPace.Fault, second: Double)? {
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var pace = BodyPace(at: start)
        for half in 1...200 {
            let second = Double(half) / 2
            let now = start + .milliseconds(Int64(half) * 500)
            if let fault = pace.check(at: now, received: received(second), Self.settings) {
                return (fault, second)
            }
        }
        return nil
    }

    @Test func `nothing at all is too slow after one window`() {
        let found = fault { _ in 0 }
        #expect(found?.fault == .tooSlow && found?.second == 10)
    }

    @Test(arguments: [1000, 1 << 20, 20 << 20])
    func `what came at once buys no silence`(first: Int) throws {
        let found = try #require(fault { $0 < 1 ? 0 : first })
        #expect(found.fault == .tooSlow && (10.5...12).contains(found.second), "\(found)")
    }

    @Test func `silence in the middle is found a window later`() throws {
        let found = try #require(fault { $0 < 30 ? Int($0 * 1000) : 30_000 })
        #expect(found.fault == .tooSlow && (39...41).contains(found.second), "\(found)")
    }

    @Test func `the least rate is enough, in drops and in bursts, until the time for a whole body is over`()
        throws
    {
        for received in [{ Int($0 * 100) }, { (Int($0) / 5 + 1) * 500 }] as [(Double) -> Int] {
            let found = try #require(fault(received))
            #expect(found.fault == .tooLong && found.second == 60.5)
        }
        #expect(fault { Int($0 * 90) }?.fault == .tooSlow)
    }

    @Test func `however often it is looked at, it stays small and says the same`() {
        let start = NIODeadline.uptimeNanoseconds(1)
        var pace = BodyPace(at: start)
        for millisecond in 1..<9999 {
            #expect(
                pace.check(at: start + .milliseconds(Int64(millisecond)), received: 1, Self.settings) == nil)
        }
        #expect(pace.check(at: start + .seconds(10), received: 1, Self.settings) == .tooSlow)
        #expect(Mirror(reflecting: pace).children.contains { ($0.value as? [Any])?.count ?? 0 > 0 })
        #expect(Mirror(reflecting: pace).children.allSatisfy { ($0.value as? [Any])?.count ?? 0 <= 17 })
    }
}
