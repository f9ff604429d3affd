/// Leaves providers alone after failures in a row.
struct ConsecutiveFailures: Sendable {
    /// How many failures, and for how long.
    struct Rule: Sendable {
        /// The failures in a row.
        let threshold: Int
        /// Seconds of the first pause.
        let pause: Double
        /// Seconds up to which a pause is twice as long as the one before; an answer leads back to ``pause``.
        var longestPause: Double?
        /// The failures that still count after a pause began.
        var remembered = 0
    }

    private let rule: Rule
    private var failures: [Int]
    private var pauses: [Double]
    private var closedUntil: [Double]

    init(_ rule: Rule, providers: Int) {
        self.rule = rule
        failures = Array(repeating: 0, count: providers)
        pauses = Array(repeating: rule.pause, count: providers)
        closedUntil = Array(repeating: 0, count: providers)
    }

    /// Whether a provider may be asked.
    func admits(_ provider: Int, at time: Double) -> Bool { time >= closedUntil[provider] }

    mutating func noteSuccess(at provider: Int) {
        failures[provider] = 0
        pauses[provider] = rule.pause
    }

    mutating func noteFailure(at provider: Int, time: Double) {
        failures[provider] += 1
        guard failures[provider] >= rule.threshold else { return }
        closedUntil[provider] = time + pauses[provider]
        pauses[provider] = min(rule.longestPause ?? rule.pause, 2 * pauses[provider])
        failures[provider] = rule.remembered
    }

    /// Notes how an attempt ended, if any answer counts as a success.
    mutating func note(_ kind: SimulatedResult.Kind, at provider: Int, time: Double) {
        if kind.isAnswer {
            noteSuccess(at: provider)
        } else if kind != .badRequest {
            noteFailure(at: provider, time: time)
        }
    }
}
