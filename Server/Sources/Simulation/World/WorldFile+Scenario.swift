extension WorldFile {
    /// A stretch of time: when requests arrive, and what happens to the providers meanwhile.
    public struct Scenario: Sendable, Hashable {
        /// Its name, unique in its file.
        public let name: String
        /// Seconds during which requests arrive. Range: above 0, at most 1,000,000,000.
        public let duration: Double
        /// When requests arrive.
        public let arrival: Arrival
        /// What happens to providers.
        public let incidents: [Incident]
        /// The share of requests that every provider refuses as bad. Range: 0 ... 1. Default: 0.
        public let badRequestShare: Double
        /// How far estimates of an answer's length are off: the deviation of their factor's logarithm. An addition to the
        /// worlds' format, which has it fixed. Range: 0 ... 1. Default: 0.4.
        public let estimateDeviation: Double
        /// The file's providers with what this scenario replaces of them, in the file's order.
        public let providers: [Provider]
    }

    /// When requests arrive: a Poisson process whose rate changes.
    public struct Arrival: Sendable, Hashable {
        /// Requests a second. Range: above 0, at most 1,000,000.
        public let baseRate: Double
        /// Times with another rate. The last that holds a moment counts. Default: none.
        public let segments: [Segment]
        /// How much more than the average arrives at the day's busiest time, as a share. A day begins at its quietest
        /// time. Range: 0 ... 1. Default: 0.
        public let dailyAmplitude: Double

        /// The highest rate that is possible, in requests a second.
        public var peakRate: Double {
            baseRate * segments.reduce(1) { max($0, $1.multiple) } * (1 + dailyAmplitude)
        }
    }

    /// A time with another rate of arrivals.
    public struct Segment: Sendable, Hashable {
        /// Seconds from the scenario's beginning; the first moment.
        public let start: Double
        /// Seconds from the scenario's beginning; the first moment after it. Range: more than ``start``.
        public let end: Double
        /// What the base rate is multiplied by. Range: 0 ... 1,000,000.
        public let multiple: Double
    }

    /// Something that happens to providers for a while.
    public struct Incident: Sendable, Hashable {
        /// How strong an incident is in the course of its time.
        public enum Shape: String, Sendable, Hashable, CaseIterable {
            /// Fully, all the time.
            case step
            /// From nothing at its start to fully at its end.
            case ramp
            /// Fully for a part of each period, and not at all for the rest.
            case flap
        }

        /// The indices of the providers that it happens to.
        public let providers: [Int]
        /// Seconds from the scenario's beginning.
        public let start: Double
        /// Seconds. Range: above 0.
        public let duration: Double
        /// Default: ``Shape/step``.
        public let shape: Shape
        /// Seconds from one beginning of a flap to the next. Range: above 0. Default: 60.
        public let period: Double
        /// The share of each period in which a flapping incident is on. Range: 0 ... 1. Default: 0.5.
        public let duty: Double
        /// Requests with fewer input tokens do not feel it. Default: 0.
        public let leastInput: Int
        /// What it does at full strength.
        public let effect: Effect
    }

    /// What an incident does to a provider at full strength.
    public struct Effect: Sendable, Hashable {
        /// The share of attempts that it ends with an error. Range: 0 ... 1. Default: 0.
        public let errorShare: Double
        /// The share of attempts that it hangs. Range: 0 ... 1. Default: 0.
        public let hangShare: Double
        /// What it multiplies the time to the first token by. Range: 0 ... 1,000,000. Default: 1.
        public let firstTokenMultiple: Double
        /// What it multiplies the time for each output token by. Range: 0 ... 1,000,000. Default: 1.
        public let tokenMultiple: Double
        /// What it multiplies the rate limit by. Range: 0 ... 1,000,000. Default: 1.
        public let limitMultiple: Double
        /// The share of answers that it makes invalid. Range: 0 ... 1. Default: 0.
        public let invalidShare: Double
    }
}
