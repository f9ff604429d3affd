#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
import Resilience

/// Random bytes of the system, for what nobody may be able to foretell.
enum SystemEntropy {
    /// What systems give in one call, in bytes.
    private static let most = 256

    /// Fills `space`.
    static func fill(_ space: UnsafeMutableRawBufferPointer) {
        var start = 0
        while start < space.count {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: space[start..<min(start + most, space.count)])
            if let base = part.baseAddress, getentropy(base, part.count) != 0 { fillSlowly(part) }
            start += part.count
        }
    }

    /// For systems that lack that call: each word from a generator that the system has just seeded.
    private static func fillSlowly(_ space: UnsafeMutableRawBufferPointer) {
        for index in space.indices {
            var chance = Chance.system()
            space[index] = UInt8(truncatingIfNeeded: chance.next())
        }
    }
}
