import Resilience
import ResilienceTesting
import Testing

/// Each policy names what is out of its range.
@Suite struct PolicyProblemsTests {
    @Test(arguments: WrongSettings.all)
    func `a value out of its range is named, and nothing else is`(wrong: WrongSetting) {
        #expect(wrong.sound.problems.isEmpty)
        #expect(wrong.policy.problems.map(\.field) == [wrong.field])
    }

    @Test func `no policy has problems when nobody says anything`() {
        for policy in DefaultsTests.defaults {
            #expect(policy.problems.isEmpty, "\(policy)")
        }
    }

    @Test func `no setting of a policy is left unchecked`() {
        let named = Dictionary(grouping: WrongSettings.all, by: \.type)
        #expect(Set(DefaultsTests.defaults.map(WrongSetting.name)).isSubset(of: named.keys))
        for (type, wrong) in named {
            let fields = Set(wrong.map(\.field))
            for policy in wrong.map(\.sound) {
                let settings = PolicyFields(of: policy)
                let unchecked = settings.paths.subtracting(fields)
                #expect(unchecked.isEmpty, "\(type): \(unchecked) have no wrong value in the table")
                for path in settings.nested {
                    #expect(fields.contains { $0.hasPrefix("\(path).") }, "\(type).\(path)")
                }
            }
        }
    }

    @Test func `every problem is named at once`() {
        var policy = CircuitBreakerPolicy(window: .time(.zero, slices: 0), failureRate: 50, minimumCalls: 0)
        policy.open.jitter = 20
        policy.verdict = .successes(5, of: 0)
        #expect(
            policy.problems.map(\.field) == [
                "window.time", "window.slices", "failureRate", "minimumCalls", "open.jitter",
                "verdict.successes", "verdict.of",
            ])
    }

    @Test(arguments: [0, -1.0, .nan, .infinity, -.infinity])
    func `a share must be a number`(rate: Double) {
        #expect(CircuitBreakerPolicy(failureRate: rate).problems.map(\.field) == ["failureRate"])
    }

    @Test func `fixed times of opening take the place of the first and of its growth`() {
        var open = CircuitBreakerPolicy.OpenTime(first: .seconds(600))
        #expect(open.problems.map(\.field) == ["maximum"])
        open.steps = [.seconds(1)]
        #expect(open.problems.isEmpty)
    }

    @Test func `the articles tell the same ranges`() throws {
        let wrong = Dictionary(WrongSettings.all.map { ("\($0.type).\($0.field)", $0) }) { first, _ in first }
        var compared = 0
        for article in try Article.all() {
            for table in article.defaults {
                let defaults = table.rows.map { ("`\($0.name)`", $0.value) }
                for row in table.rows {
                    let single = wrong["\(table.type).\(row.name)"]
                    guard let found = single ?? wrong["\(table.type).\(row.name)[0]"] else { continue }
                    // A bound that is another setting is that setting's default here.
                    var told = row.range.replacing(", or none", with: "").replacing("each ", with: "")
                    for (name, value) in defaults { told = told.replacing(name, with: value) }
                    let range = found.policy.problems.first?.range ?? ""
                    #expect(
                        !told.isEmpty && range.hasPrefix(told),
                        "\(article.name), \(table.type).\(row.name): \(range)")
                    compared += 1
                }
            }
        }
        #expect(compared > 80)
    }

    @Test func `every setting with a number says its range`() throws {
        let setting =
            /^ +public var (\w+)(: (Int|Double|Duration|\[\w+(: Double)?\])\??)?( = [-\d.\[D].*)?$/
        let others = ["Backoff", "RetryBudget", "AdaptiveThrottle", "AdaptiveThreshold", "SlowCallThreshold"]
        let endings = (others + ["Policy"]).map { "\($0).swift" }
        var settings = 0
        for file in try Article.sources() where endings.contains(where: file.name.hasSuffix) {
            for (number, line) in file.lines.enumerated() {
                guard let name = line.firstMatch(of: setting)?.output.1 else { continue }
                let comment = file.lines[..<number].reversed().prefix { $0.contains("///") }
                #expect(comment.contains { $0.contains("Range:") }, "\(file.name): \(name)")
                settings += 1
            }
        }
        #expect(settings > 80)
    }
}
