import Routing
import Testing

/// When the rules of a route apply.
@Suite struct TimeRuleTests {
    /// Seconds since 1970 of a moment in the week that begins on Monday, 16 November 2026, at 00:00 UTC.
    private static func moment(_ day: Int, _ hour: Int, _ minute: Int = 0, second: Int64 = 0) -> Int64 {
        1_794_787_200 + Int64(((day * 24) + hour) * 60 + minute) * 60 + second
    }

    private static func rule(
        _ begin: Int, _ end: Int, days: Set<TimeRule.Day> = Set(TimeRule.Day.allCases), offset: Int = 0
    ) -> TimeRule {
        TimeRule(begin: begin * 60, end: end * 60, days: days, offset: offset, RoutingPreferences())
    }

    @Test func `the first second belongs to it and the last minute's end does not`() {
        let rule = Self.rule(9, 18)
        #expect(!rule.applies(at: Self.moment(0, 8, 59, second: 59)))
        #expect(rule.applies(at: Self.moment(0, 9)))
        #expect(rule.applies(at: Self.moment(0, 17, 59, second: 59)))
        #expect(!rule.applies(at: Self.moment(0, 18)))
    }

    @Test(arguments: 0..<7)
    func `it is for its days alone`(day: Int) {
        let rule = Self.rule(0, 24, days: [.mon, .sat])
        #expect(rule.applies(at: Self.moment(day, 0)) == (day == 0 || day == 5))
        #expect(rule.applies(at: Self.moment(day, 23, 59, second: 59)) == (day == 0 || day == 5))
    }

    @Test func `hours that pass midnight belong to the day on which they began`() {
        let rule = Self.rule(22, 6, days: [.fri, .sun])
        #expect(!rule.applies(at: Self.moment(4, 5)), "Friday's night has not begun")
        #expect(rule.applies(at: Self.moment(4, 22)))
        #expect(rule.applies(at: Self.moment(5, 5, 59)), "Saturday's morning is Friday's night")
        #expect(!rule.applies(at: Self.moment(5, 6)))
        #expect(!rule.applies(at: Self.moment(5, 23)))
        #expect(rule.applies(at: Self.moment(7, 3)), "Monday's morning is Sunday's night")
        #expect(rule.applies(at: Self.moment(0, 3)), "in the week before, too")
    }

    @Test func `its clock may be ahead of UTC or behind it, which moves days too`() {
        let ahead = Self.rule(0, 2, days: [.tue], offset: 330)
        #expect(ahead.applies(at: Self.moment(0, 18, 30)), "00:00 on Tuesday at +05:30")
        #expect(!ahead.applies(at: Self.moment(0, 18, 29)))
        #expect(!ahead.applies(at: Self.moment(0, 20, 30)))
        let behind = Self.rule(20, 24, days: [.sun], offset: -480)
        #expect(behind.applies(at: Self.moment(0, 4)), "20:00 on Sunday at -08:00")
        #expect(!behind.applies(at: Self.moment(0, 8)))
    }

    @Test func `it knows moments before 1970`() {
        let wednesday = Self.rule(23, 24, days: [.wed])
        #expect(wednesday.applies(at: -1))
        #expect(!wednesday.applies(at: 0))
    }
}
