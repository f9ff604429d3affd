/// A moment on the clock that a strategy was given.
///
/// Only differences mean something: the origin is wherever the clock started to count. The clock is
/// monotonic, so a step of the machine's wall clock never moves a deadline.
public struct Instant: Sendable, Hashable, Codable, InstantProtocol {
    /// The time since the clock's origin.
    public var sinceOrigin: Duration

    /// Creates a moment at the given distance from the clock's origin.
    public init(sinceOrigin: Duration = .zero) {
        self.sinceOrigin = sinceOrigin
    }

    /// The moment that is `duration` later; a duration longer than ``Swift/Duration/unbounded`` counts as that.
    public func advanced(by duration: Duration) -> Instant {
        Instant(sinceOrigin: sinceOrigin + min(duration, .unbounded))
    }

    /// From this moment to `other`; negative when that is earlier.
    public func duration(to other: Instant) -> Duration {
        other.sinceOrigin - sinceOrigin
    }

    /// The time from `earlier` to this moment; negative if `earlier` is later.
    public func since(_ earlier: Instant) -> Duration {
        sinceOrigin - earlier.sinceOrigin
    }

    /// Whether the left moment is earlier.
    public static func < (left: Instant, right: Instant) -> Bool {
        left.sinceOrigin < right.sinceOrigin
    }
}

extension Duration {
    /// The longest time a strategy can express (about 73 billion years); sums of a few of them do not overflow.
    public static var unbounded: Duration { .seconds(Int64.max / 4) }

    /// This duration times a factor, saturating at ``unbounded``.
    ///
    /// A factor that is not a number, or is negative, counts as zero.
    func saturating(times factor: Double) -> Duration {
        // Zero times infinity is not a number.
        guard factor > 0, self != .zero else { return .zero }
        let seconds = self / .seconds(1) * factor
        guard seconds < Duration.unbounded / .seconds(1) else { return .unbounded }
        return self * factor
    }

    /// The whole nanoseconds; saturating.
    var wholeNanoseconds: Int64 { Int64(clamping: attoseconds / 1_000_000_000) }

    /// The nanoseconds, rounded up; saturating.
    var nanosecondsRoundedUp: Int64 {
        Int64(clamping: (attoseconds + 999_999_999) / 1_000_000_000)
    }
}
