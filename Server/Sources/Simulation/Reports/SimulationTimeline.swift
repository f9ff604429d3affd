/// How a policy fared in the course of a scenario, in at most 200 stretches of equal length.
public struct SimulationTimeline: Sendable, Hashable {
    /// The policy's name.
    public let policy: String
    /// The scenario's name.
    public let scenario: String
    /// How long each stretch is, in seconds.
    public let binSeconds: Double
    /// The requests of each stretch.
    public private(set) var requests: [Int]
    /// Those that ended well.
    public private(set) var successes: [Int]
    /// The sum of their latencies, in seconds.
    public private(set) var latencySum: [Double]

    /// The most stretches there are: fewer than a plot has points, and each with enough requests to tell something.
    public static let mostBins = 200

    /// Lengths that a reader can name, in seconds.
    private static let lengths: [Double] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400,
    ]

    /// Creates an empty timeline.
    ///
    /// - Parameter duration: How long requests arrive, in seconds. What is no length of time counts as 1 s.
    public init(policy: String, scenario: String, duration: Double) {
        self.policy = policy
        self.scenario = scenario
        let duration = duration.isFinite && duration > 0 ? duration : 1
        let least = duration / Double(Self.mostBins)
        binSeconds = Self.lengths.first { $0 >= least } ?? least
        let count = min(Self.mostBins, max(1, Int((duration / binSeconds).rounded(.up))))
        requests = Array(repeating: 0, count: count)
        successes = requests
        latencySum = Array(repeating: 0, count: count)
    }

    /// Counts a request.
    ///
    /// - Parameters:
    ///   - seconds: When it arrived, since the scenario's beginning. Whatever is outside counts at the nearer end.
    ///   - latency: How long it took, in seconds; counts only for a success.
    ///   - succeeded: Whether it ended well.
    public mutating func note(at seconds: Double, latency: Double, succeeded: Bool) {
        guard !seconds.isNaN else {
            return
        }
        let bin = bin(at: seconds)
        requests[bin] += 1
        if succeeded {
            successes[bin] += 1
            latencySum[bin] += latency.isFinite ? latency : 0
        }
    }

    /// Adds what another run of the same scenario counted, stretch by stretch.
    public mutating func add(_ other: SimulationTimeline) {
        for index in other.requests.indices {
            let bin = bin(at: (Double(index) + 0.5) * other.binSeconds)
            requests[bin] += other.requests[index]
            successes[bin] += other.successes[index]
            latencySum[bin] += other.latencySum[index]
        }
    }

    /// The share of each stretch's requests that ended well; nil where none arrived.
    var success: [Double?] {
        requests.indices.map { requests[$0] > 0 ? Double(successes[$0]) / Double(requests[$0]) : nil }
    }

    /// The mean latency of each stretch's successes; nil where there is none.
    var latency: [Double?] {
        requests.indices.map { successes[$0] > 0 ? latencySum[$0] / Double(successes[$0]) : nil }
    }

    /// The end of the last stretch, in seconds.
    var end: Double { Double(requests.count) * binSeconds }

    private func bin(at seconds: Double) -> Int {
        Int(min(max(0, seconds / binSeconds), Double(requests.count - 1)))
    }
}
