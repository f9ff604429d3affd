#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension TargetEstimate {
    /// What is learned of a target, to be written to a file and gone on with later. What was never seen is nil.
    ///
    /// What is about the next minutes only is not part of it: attempts that run, what is left of a limit, failures in a row.
    public struct Snapshot: Sendable, Hashable, Codable {
        /// How likely it is to answer.
        struct Success: Sendable, Hashable, Codable {
            var all: SuccessEstimate.Evidence
            var short: SuccessEstimate.Evidence
            var long: SuccessEstimate.Evidence
        }

        /// How long something takes: the logarithm of its median in seconds, what is not known of that, and how much single
        /// times vary.
        struct Time: Sendable, Hashable, Codable {
            var mean: Double
            var variance: Double
            var residual: Double
        }

        /// When it was made, in seconds since 1970.
        public let moment: Double
        var success: Success?
        var firstToken: Time?
        var perToken: Time?
        /// Seconds that an attempt which fails usually takes.
        var timeLost: Double?

        /// Whether nothing is learned.
        var isEmpty: Bool { success == nil && firstToken == nil && perToken == nil && timeLost == nil }
    }

    /// What is known before anything was seen, whatever the target.
    static let unknown = TargetEstimate()

    /// What is learned; nil if nothing is.
    ///
    /// - Parameters:
    ///   - seconds: The moment, on the clock of the estimate.
    ///   - moment: The same moment in seconds since 1970.
    public func snapshot(at seconds: Double, moment: Double) -> Snapshot? {
        var snapshot = Snapshot(moment: moment), success = success
        success.fade(to: seconds)
        if success.overall != SuccessEstimate.prior {
            snapshot.success =
                Snapshot.Success(
                    all: success.overall, short: success.short, long: success.long
                ).sound
        }
        if firstToken != Self.unknown.firstToken {
            snapshot.firstToken = Snapshot.Time(firstToken, at: seconds).sound
        }
        if perToken != Self.unknown.perToken {
            snapshot.perToken = Snapshot.Time(perToken, at: seconds).sound
        }
        if timeLost != Self.unknown.timeLost { snapshot.timeLost = Self.sound(timeLost: timeLost) }
        return snapshot.isEmpty ? nil : snapshot
    }

    /// Goes on with what was learned at another time, aged by what has passed since then. Numbers that cannot be are left
    /// out.
    ///
    /// - Parameters:
    ///   - seconds: The moment, on the clock of the estimate.
    ///   - moment: The same moment in seconds since 1970.
    public mutating func restore(_ snapshot: Snapshot, at seconds: Double, moment: Double) {
        // A clock that was set back says nothing of what has passed.
        let age = max(0, moment - snapshot.moment)
        guard age.isFinite else { return }
        if let known = snapshot.success?.sound {
            success = SuccessEstimate(
                all: known.all, short: known.short, long: known.long, age: age, at: seconds)
        }
        resume(
            firstToken: snapshot.firstToken?.sound?.estimate(age: age, at: seconds),
            perToken: snapshot.perToken?.sound?.estimate(age: age, at: seconds),
            timeLost: snapshot.timeLost.flatMap(Self.sound))
    }

    private static func sound(timeLost seconds: Double) -> Double? {
        seconds.isFinite && seconds >= 0 ? min(10, seconds) : nil
    }
}

extension TargetEstimate.Snapshot.Success {
    /// Nil if it cannot be. What is seen of some requests only may be nothing; of all, there is always the prior.
    fileprivate var sound: Self? {
        guard let all = all.sound, all.amount >= 0.5, let short = short.sound, let long = long.sound else {
            return nil
        }
        return Self(all: all, short: short, long: long)
    }
}

extension SuccessEstimate.Evidence {
    /// With no more than is kept of it; nil if it cannot be.
    fileprivate var sound: Self? {
        guard successes >= 0, failures >= 0, amount.isFinite else { return nil }
        var sound = self
        sound.cap(at: SuccessEstimate.most)
        return sound
    }
}

extension TargetEstimate.Snapshot.Time {
    /// The medians that are believed: 1 microsecond to the longest limit that a configuration can set, an hour.
    private static let possible = log(1e-6)...log(3600)

    fileprivate init(_ estimate: TimeEstimate, at seconds: Double) {
        self.init(
            mean: estimate.mean, variance: estimate.uncertainty(at: seconds), residual: estimate.residual)
    }

    /// Within what is learned; nil if it cannot be.
    fileprivate var sound: Self? {
        guard Self.possible.contains(mean), variance >= 0, residual >= 0, residual.isFinite else {
            return nil
        }
        return Self(
            mean: mean, variance: max(0.0005, TimeEstimate.aged(variance, by: 0)),
            residual: max(0.01, min(0.6, residual)))
    }

    fileprivate func estimate(age: Double, at seconds: Double) -> TimeEstimate {
        TimeEstimate(
            mean: mean, variance: TimeEstimate.aged(variance, by: age), residual: residual, at: seconds)
    }
}
