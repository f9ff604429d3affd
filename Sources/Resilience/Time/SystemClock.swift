#if canImport(Glibc)
    import Glibc
#endif

/// The clock behind `ContinuousClock`, read in half the time.
enum SystemClock {
    /// The nanoseconds since the machine started, sleep included; nil where they cannot be read directly.
    static func nanoseconds() -> Int64? {
        #if canImport(Glibc)
            // The words of a timespec: its members belong to a module that cannot be named.
            var time = (seconds: 0, nanoseconds: 0)
            let status = withUnsafeMutablePointer(to: &time) { pointer in
                pointer.withMemoryRebound(to: timespec.self, capacity: 1) {
                    clock_gettime(CLOCK_BOOTTIME, $0)
                }
            }
            return status == 0 ? Int64(time.seconds) &* 1_000_000_000 &+ Int64(time.nanoseconds) : nil
        #else
            return nil
        #endif
    }
}
