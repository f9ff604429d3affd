import Resilience
import ResilienceTesting
import Testing

/// What the articles say about defaults is what the code does.
@Suite struct DefaultsTests {
    /// The policies as they are when nobody says anything.
    static let defaults: [any CheckedPolicy] = [
        CircuitBreakerPolicy(), CircuitBreakerPolicy.OpenTime(), CircuitBreakerPolicy.AdaptiveRate(),
        CircuitBreakerPolicy.AdaptiveSlowCall(), AdaptiveRetryPolicy(), RetryBanditPolicy(), ChaosPolicy(),
        SimulationPolicy(), SendRateLimiterPolicy(),
        RetryPolicy(), Backoff(), RetryBudget.Policy(), ConcurrencyRetryBudget.Policy(), HedgePolicy(),
        BulkheadPolicy(), ConcurrencyLimitPolicy(), ConcurrencyLimitPolicy.AIMD(),
        ConcurrencyLimitPolicy.Vegas(), ConcurrencyLimitPolicy.Gradient(), RateLimitPolicy(),
        AdaptiveThrottle.Policy(), LoadBalancerPolicy(), OutlierEjectionPolicy(), CachePolicy(),
        BatcherPolicy(),
    ]

    /// A policy by the name of its type, and its settings as documents write them.
    private static func policy(_ policy: Any) -> (String, [String: String]) {
        let name = String(reflecting: type(of: policy)).drop { $0 != "." }.dropFirst()
        let settings = Mirror(reflecting: policy).children.map { ($0.label ?? "", written($0.value)) }
        return (String(name), Dictionary(uniqueKeysWithValues: settings))
    }

    private static let policies: [String: [String: String]] = {
        let quota = Mirror(reflecting: RetryQuota.Rule.returned())
        let cubic = policy(CubicRate(ceiling: 1)).1
        // These have settings besides those that a policy holds.
        let others = [
            ("RetryQuota", ["rule": written(quota), "capacity": written(RetryQuota().tokens)]),
            ("CubicRate", ["beta": cubic["beta"] ?? "", "scale": cubic["scale"] ?? ""]),
        ]
        return Dictionary(uniqueKeysWithValues: defaults.map(policy) + others)
    }()

    @Test func `every default in the articles is the code's, and every setting is there`() throws {
        var documented: Set<String> = []
        for article in try Article.all() {
            for table in article.defaults {
                let settings = try #require(
                    Self.policies[table.type], "\(article.name): \(table.type) is unknown to this test")
                documented.insert(table.type)
                #expect(
                    Set(table.rows.map(\.name)) == Set(settings.keys),
                    "\(article.name), \(table.type): settings are missing or do not exist")
                for row in table.rows {
                    let real = settings[row.name]
                    #expect(
                        row.value == real,
                        "\(article.name), \(table.type).\(row.name) is \(real ?? "unknown")")
                }
            }
        }
        #expect(documented == Set(Self.policies.keys))
    }

    @Test func `every strategy's article has the same parts`() throws {
        let others: Set = [
            "Resilience", "Coming-From-Polly", "Coming-From-Resilience4j", "Coming-From-Tenacity",
            "ResilienceTesting", "Simulating-Orders",
        ]
        let articles = try Article.all().filter { !others.contains($0.name) }
        #expect(articles.count >= 14)
        for article in articles {
            for part in ["About", "Usage", "Defaults", "Events", "Anti-patterns"]
            where !(part == "Events" && article.name == "Time-And-Chance") {
                #expect(article.sections.contains(part), "\(article.name) has no \(part)")
            }
            let begin = try #require(article.lines.firstIndex(of: "## Anti-patterns"))
            #expect(article.lines[begin...].contains { $0.hasPrefix("### ") }, "\(article.name)")
        }
    }

    @Test func `every folder of the library has its article`() throws {
        let folders = [
            "AdaptiveConcurrency": "Adaptive-Concurrency", "AdaptiveRetry": "Adaptive-Retries",
            "Batching": "Batching", "Bulkhead": "Bulkheads", "Cache": "Caching", "Chance": "Time-And-Chance",
            "Chaos": "Chaos", "CircuitBreaker": "Circuit-Breakers", "Events": "Events",
            "Fallback": "Fallbacks",
            "Hedging": "Hedging", "LoadBalancing": "Load-Balancing", "Pipeline": "Pipelines",
            "Problems": "Pipelines",
            "RateLimit": "Rate-Limiting", "Retry": "Retries", "Spawning": "Time-And-Chance",
            "Throttle": "Adaptive-Throttling", "Time": "Time-And-Chance", "Timeout": "Timeouts-And-Deadlines",
        ]
        // Of these nothing is public.
        let inner: Set = ["Exponentials", "Waiting"]
        let there = Set(
            try Article.sources().compactMap { $0.name.split(separator: "/").first.map(String.init) })
        #expect(there.subtracting(inner) == Set(folders.keys))
        let articles = Set(try Article.all().map(\.name))
        #expect(Set(folders.values).isSubset(of: articles))
    }

    @Test func `the article about events names every kind of event, and no other`() throws {
        let kind = /"([a-z]+(?:_[a-z]+)+)"/, cell = /`([a-z]+(?:_[a-z]+)+)`/
        // Why a target was ejected is told with the event.
        let causes: Set = ["consecutive_failures", "success_rate"]
        var told: Set<String> = []
        for file in try Article.sources() where file.name.contains("Event") {
            for line in file.lines where !line.contains("///") {
                told.formUnion(line.matches(of: kind).map { String($0.output.1) })
            }
        }
        let article = try #require(try Article.all().first { $0.name == "Events" })
        let begin = try #require(article.lines.firstIndex(of: "## Events"))
        let table = article.lines[begin...].prefix { $0 != "## Anti-patterns" }
        let named = table.flatMap { line in line.matches(of: cell).map { String($0.output.1) } }
        #expect(Set(named) == told.subtracting(causes))
    }

    // MARK: Words

    /// A value as documents write it: `30 s`, `0.5`, `none`, `.full`, `Backoff()`.
    private static func written(_ value: Any) -> String {
        if let duration = value as? Duration { return written(duration) }
        if let arms = value as? [AdaptiveRetryPolicy.Arm], !arms.isEmpty {
            return arms.map(\.name).joined(separator: ", ")
        }
        if let number = value as? Double {
            return number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
        }
        return written(value as? Mirror ?? Mirror(reflecting: value), or: "\(value)")
    }

    private static func written(_ mirror: Mirror, or plain: String = "") -> String {
        switch mirror.displayStyle {
        case .optional: return mirror.children.first.map { written($0.value) } ?? "none"
        case .collection, .dictionary: return mirror.children.isEmpty ? "none" : plain
        case .enum:
            guard let payload = mirror.children.first else { return ".\(plain)" }
            let inner = Mirror(reflecting: payload.value), label = payload.label ?? ""
            guard inner.displayStyle == .tuple else { return ".\(label)(\(written(payload.value)))" }
            let parts = inner.children.map { part in
                let name = part.label.map { $0.hasPrefix(".") ? "" : "\($0): " } ?? ""
                return name + written(part.value)
            }
            return ".\(label)(\(parts.joined(separator: ", ")))"
        case .struct: return defaults.contains { "\($0)" == plain } ? "\(mirror.subjectType)()" : plain
        default: return plain
        }
    }

    private static func written(_ duration: Duration) -> String {
        if duration % .seconds(1) == .zero { return "\(duration.components.seconds) s" }
        return "\(duration.components.attoseconds / 1_000_000_000_000_000) ms"
    }
}

extension Duration {
    fileprivate static func % (left: Duration, right: Duration) -> Duration {
        left - right * Int(left / right)
    }
}
