import Generation
import Resilience

/// How fast a target gives whole answers, learned from those it gave. A decision: no clock, lock or task.
///
/// Averages and mean deviations are exponentially weighted with a gain of 1/8 and 1/4, as TCP estimates round trips
/// (RFC 6298): an answer is expected within the average and four deviations.
struct Pace: Sendable, Hashable {
    /// Answers that must have been seen before anything is expected.
    private static let needed = 3

    private struct Average: Hashable {
        var mean = 0.0, deviation = 0.0

        mutating func add(_ value: Double, isFirst: Bool) {
            if isFirst {
                (mean, deviation) = (value, value / 2)
            } else {
                deviation += (abs(value - mean) - deviation) / 4
                mean += (value - mean) / 8
            }
        }

        var upper: Double { mean + 4 * deviation }
    }

    /// In seconds; of the time per token in seconds for each.
    private var whole = Average(), perToken = Average(), perEvent = Average()
    private var firstToken = Average()
    private var answers = 0, countedAnswers = 0, streams = 0, firstTokens = 0
    /// Whether a whole answer can be made of the target's streams: it has them, and they bring the usage.
    private(set) var streamsAreFit = true

    /// Whether it goes on with a text that it is given, as its configuration says it does.
    private(set) var takesPrefill = true

    /// Creates one that knows nothing.
    init() {}

    /// Notes a whole answer that took `duration`, of so many tokens if that is known.
    mutating func note(_ duration: Duration, tokens: Int?) {
        let seconds = duration.inSeconds
        whole.add(seconds, isFirst: answers == 0)
        answers = min(answers + 1, Self.needed)
        guard let tokens, tokens > 0 else { return }
        perToken.add(seconds / Double(tokens), isFirst: countedAnswers == 0)
        countedAnswers = min(countedAnswers + 1, Self.needed)
    }

    /// Notes how fast a stream was; short ones say too little.
    mutating func note(_ speed: StreamSpeed) {
        guard speed.events >= 8, speed.elapsed > .zero else { return }
        perEvent.add(speed.elapsed.inSeconds / Double(speed.events), isFirst: streams == 0)
        streams = min(streams + 1, Self.needed)
    }

    /// Notes how long a first token took.
    mutating func note(firstToken duration: Duration) {
        firstToken.add(duration.inSeconds, isFirst: firstTokens == 0)
        firstTokens = min(firstTokens + 1, Self.needed)
    }

    /// How long a first token usually takes; nil as long as too few were seen.
    var usualFirstToken: Duration? {
        firstTokens >= Self.needed ? .seconds(min(firstToken.mean, 86_400)) : nil
    }

    /// How long each event of a stream usually takes; nil as long as too few streams were seen.
    var usualTimePerEvent: Duration? {
        streams >= Self.needed ? .seconds(min(perEvent.mean, 86_400)) : nil
    }

    /// Notes that the target said it does not stream, or that its stream brought no usage.
    mutating func noteUnfitStreams() {
        streamsAreFit = false
    }

    /// Notes that the target refused to go on with a text.
    mutating func noteRefusedPrefill() {
        takesPrefill = false
    }

    /// How long a whole answer of at most so many tokens may well take; nil as long as too few were seen.
    func expected(maximumTokens: Int?) -> Duration? {
        guard answers >= Self.needed else { return nil }
        var seconds = whole.upper
        if let maximumTokens, countedAnswers >= Self.needed {
            seconds = min(seconds, perToken.upper * Double(maximumTokens))
        }
        return .seconds(min(seconds, 86_400))
    }
}
