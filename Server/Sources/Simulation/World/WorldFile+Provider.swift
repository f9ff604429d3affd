extension WorldFile {
    /// A provider as it is when nothing happens: prices, speed, faults and limits.
    public struct Provider: Sendable, Hashable {
        /// The name that incidents refer to; unique in its file.
        public internal(set) var name: String
        /// Dollars for a million input tokens. Range: 0 ... 1,000,000.
        public internal(set) var inputPrice = 0.0
        /// Dollars for a million output tokens. Range: 0 ... 1,000,000.
        public internal(set) var outputPrice = 0.0
        /// How good its answers are. Range: 0 ... 100.
        public internal(set) var quality = 0.0
        /// The share of answers that are invalid, though paid for. Range: 0 ... 1.
        public internal(set) var invalidShare = 0.0
        /// Seconds to the first token, the median. Range: above 0, at most 86,400.
        public internal(set) var firstTokenMedian = 0.0
        /// The spread of the logarithm of the time to the first token. Range: 0 ... 10.
        public internal(set) var firstTokenSigma = 0.0
        /// Seconds for each output token, the median. Range: above 0, at most 86,400.
        public internal(set) var tokenMedian = 0.0
        /// The spread of the logarithm of the time for each output token. Range: 0 ... 10.
        public internal(set) var tokenSigma = 0.0
        /// The share of attempts whose first token is late. Range: 0 ... 1.
        public internal(set) var tailShare = 0.0
        /// How many times later than usual. Range: above 0, at most 1,000,000.
        public internal(set) var tailMultiple = 0.0
        /// The share of attempts that end with a server's error. Range: 0 ... 1.
        public internal(set) var errorShare = 0.0
        /// The share of the others that never end. Range: 0 ... 1.
        public internal(set) var hangShare = 0.0
        /// Requests a second that the rate limit lets through. Range: above 0, at most 1,000,000.
        public internal(set) var rateLimit = 0.0
        /// Requests that it lets through at once after a pause. Range: 1 ... 1,000,000.
        public internal(set) var burst = 0.0
        /// Attempts in flight above which all become slower. Range: 1 ... 1,000,000.
        public internal(set) var softConcurrency = 0.0
    }
}

extension WorldFile.Provider {
    /// A number of a provider: its name in files, its place here and its bounds.
    struct Field: Sendable {
        let key: String
        let path: any WritableKeyPath<WorldFile.Provider, Double> & Sendable
        let bounds: Bounds
    }

    /// All numbers of a provider. A scenario may replace any of them.
    static let fields = [
        Field(key: "price_in_per_mtok", path: \.inputPrice, bounds: Bounds(0, 1e6)),
        Field(key: "price_out_per_mtok", path: \.outputPrice, bounds: Bounds(0, 1e6)),
        Field(key: "quality", path: \.quality, bounds: Bounds(0, 100)),
        Field(key: "quality_fail", path: \.invalidShare, bounds: .share),
        Field(key: "ttft_median_s", path: \.firstTokenMedian, bounds: Bounds(above: 0, 86_400)),
        Field(key: "ttft_sigma", path: \.firstTokenSigma, bounds: Bounds(0, 10)),
        Field(key: "itl_median_s", path: \.tokenMedian, bounds: Bounds(above: 0, 86_400)),
        Field(key: "itl_sigma", path: \.tokenSigma, bounds: Bounds(0, 10)),
        Field(key: "tail_prob", path: \.tailShare, bounds: .share),
        Field(key: "tail_mult", path: \.tailMultiple, bounds: Bounds(above: 0, 1e6)),
        Field(key: "error_prob", path: \.errorShare, bounds: .share),
        Field(key: "hang_prob", path: \.hangShare, bounds: .share),
        Field(key: "limit_rps", path: \.rateLimit, bounds: Bounds(above: 0, 1e6)),
        Field(key: "limit_burst", path: \.burst, bounds: Bounds(1, 1e6)),
        Field(key: "soft_concurrency", path: \.softConcurrency, bounds: Bounds(1, 1e6)),
    ]
}
