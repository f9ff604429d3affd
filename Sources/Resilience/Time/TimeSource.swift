/// Where a strategy reads the time and how it waits.
///
/// A strategy never touches a clock of its own choice. It is handed one of these, made from any
/// `Clock<Duration>`: `ContinuousClock` in production, a virtual clock in tests. Two closures
/// instead of a generic parameter keep the clock out of every type's signature.
public struct TimeSource: Sendable {
    private enum Reading: Sendable {
        /// The system's continuous clock, read without a detour: it is read for every call.
        case system(origin: Int64)
        case clock(@Sendable () -> Instant)
    }

    private let reading: Reading
    private let sleepUntil: @Sendable (Instant) async throws -> Void

    /// The origin of every source of the system's clock, as both ways of reading it say it. The nanoseconds are read
    /// first: so a sleeper that wakes in time never finds that its moment is yet to come.
    private static let system = (nanoseconds: SystemClock.nanoseconds(), instant: ContinuousClock().now)

    /// Creates a source that reads and waits on `clock`.
    ///
    /// Sources of the system's clock share an origin, so that one strategy's deadline means the same to another. A clock
    /// whose moments are ``Instant``s, such as a virtual one, has an origin of its own, which its sources share too. For
    /// other clocks the origin is the moment of creation: hand one source to all strategies that share a deadline.
    public init<C: Clock>(_ clock: C = ContinuousClock()) where C.Duration == Duration {
        let origin = Instant() as? C.Instant ?? Self.system.instant as? C.Instant ?? clock.now
        if clock is ContinuousClock, let system = Self.system.nanoseconds {
            reading = .system(origin: system)
        } else {
            reading = .clock { Instant(sinceOrigin: origin.duration(to: clock.now)) }
        }
        sleepUntil = { instant in
            try await clock.sleep(until: origin.advanced(by: instant.sinceOrigin), tolerance: nil)
        }
    }

    /// The current moment. Costs one reading of the clock (about 25 ns on Linux).
    public var now: Instant {
        switch reading {
        case .system(let origin):
            Instant(sinceOrigin: .nanoseconds((SystemClock.nanoseconds() ?? origin) &- origin))
        case .clock(let read): read()
        }
    }

    /// The current moment in whole nanoseconds since the origin, for who cannot afford more.
    var nanoseconds: Int64 {
        switch reading {
        case .system(let origin): (SystemClock.nanoseconds() ?? origin) &- origin
        case .clock(let read): read().sinceOrigin.wholeNanoseconds
        }
    }

    /// Suspends until `instant`; returns at once if it has passed.
    ///
    /// - Throws: `CancellationError` when the task is cancelled while it waits.
    public func sleep(until instant: Instant) async throws {
        try await sleepUntil(instant)
    }

    /// Suspends for `duration`; returns at once if it is not positive.
    ///
    /// - Throws: `CancellationError` when the task is cancelled while it waits.
    public func sleep(for duration: Duration) async throws {
        guard duration > .zero else { return }
        try await sleepUntil(now.advanced(by: duration))
    }
}
