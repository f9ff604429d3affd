#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The time of day, for dates that others read; never for durations.
enum WallClock {
    static func seconds() -> Int64 { milliseconds() / 1000 }

    /// Milliseconds since 1970.
    static func milliseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
    }
}
