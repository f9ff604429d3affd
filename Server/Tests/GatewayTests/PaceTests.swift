import Resilience
import Testing

@testable import Gateway

@Suite struct PaceTests {
    private static func pace(_ answers: [(Duration, Int?)]) -> Pace {
        var pace = Pace()
        for (duration, tokens) in answers { pace.note(duration, tokens: tokens) }
        return pace
    }

    @Test func `nothing is expected before three answers`() {
        #expect(Self.pace(Array(repeating: (.seconds(1), 10), count: 2)).expected(maximumTokens: 5) == nil)
        #expect(Self.pace(Array(repeating: (.seconds(1), 10), count: 3)).expected(maximumTokens: nil) != nil)
    }

    @Test func `steady answers are expected within little more than their time`() throws {
        let pace = Self.pace(Array(repeating: (.seconds(2), 100), count: 40))
        let expected = try #require(pace.expected(maximumTokens: nil))
        #expect(expected >= .seconds(2) && expected < .milliseconds(2001))
    }

    @Test func `answers that vary are expected later than their average`() throws {
        let pace = Self.pace((0..<40).map { (.seconds($0.isMultiple(of: 2) ? 1 : 5), nil) })
        #expect(try #require(pace.expected(maximumTokens: nil)) > .seconds(8))
    }

    @Test func `few tokens make a slow target quick, many do not make it slower`() throws {
        let pace = Self.pace(Array(repeating: (.seconds(10), 1000), count: 40))
        let few = try #require(pace.expected(maximumTokens: 16))
        #expect(few < .milliseconds(170))
        #expect(pace.expected(maximumTokens: 1_000_000) == pace.expected(maximumTokens: nil))
    }

    @Test func `one very slow answer is remembered at once`() throws {
        var pace = Self.pace(Array(repeating: (.milliseconds(10), 10), count: 100))
        pace.note(.seconds(8), tokens: nil)
        #expect(try #require(pace.expected(maximumTokens: nil)) > .seconds(4))
    }

    @Test func `nonsense neither traps nor grows without bound`() throws {
        let pace = Self.pace([(.seconds(Int64.max / 4), 1), (.zero, 0), (.seconds(-5), -7), (.zero, Int.max)])
        _ = pace.expected(maximumTokens: Int.max)
        #expect(try #require(pace.expected(maximumTokens: nil)) <= .seconds(86_400))
    }
}
