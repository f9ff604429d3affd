extension PerformanceTracker {
    /// All that a tracker holds, to be written to a file and read again.
    public struct Snapshot: Sendable, Hashable, Codable {
        /// The version of its form. Other versions are not restored.
        static let version = 1

        var version = Self.version
        /// When it was made, on the clock of its tracker.
        public private(set) var moment: Double
        var short: [Track]
        var long: [Track]
    }

    /// All that it holds.
    ///
    /// - Parameter seconds: The moment, for whoever restores it to know how the clocks differ.
    public func snapshot(at seconds: Double) -> Snapshot {
        Snapshot(moment: seconds, short: short, long: long)
    }

    /// Creates a tracker from what another one held, aged by the time that has passed: slices that have left their window
    /// are dropped, and so are those of the future.
    ///
    /// Slices keep their place on the clock up to the length of one, on the older side.
    ///
    /// - Parameters:
    ///   - snapshot: Of this version's form; of another one nothing is taken.
    ///   - offset: What to add to a time of the old clock to get that of the same moment on the new one, in seconds.
    ///   - seconds: The moment, on the new clock.
    public init(restoring snapshot: Snapshot, offset: Double, at seconds: Double) {
        self.init()
        guard snapshot.version == Snapshot.version, snapshot.short.count == short.count,
            snapshot.long.count == long.count
        else { return }
        for index in short.indices {
            short[index].restore(snapshot.short[index], offset: offset, at: seconds)
            long[index].restore(snapshot.long[index], offset: offset, at: seconds)
        }
    }
}

extension PerformanceTracker.Track {
    fileprivate mutating func restore(_ old: Self, offset: Double, at seconds: Double) {
        slices.restore(old.slices, offset: offset, at: seconds)
        marks.restore(old.marks, offset: offset, at: seconds)
    }
}
