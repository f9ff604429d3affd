import Foundation
import LibFuzzer

/// Ends the program unless `holds`; libFuzzer then saves the input.
@inline(__always)
public func expect(_ holds: Bool, _ message: @autoclosure () -> String) {
    if !holds { fatalError(message()) }
}

// Set once, before the only thread begins.
nonisolated(unsafe) private var test: (UnsafeRawBufferPointer) -> Void = { _ in }

/// Runs libFuzzer by the arguments of the command line with a test that is given each input; the empty one is left out.
public func fuzz(_ body: @escaping (UnsafeRawBufferPointer) -> Void) {
    test = body
    var count = CommandLine.argc,
        arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    LLVMFuzzerRunDriver(&count, &arguments) { data, count in
        guard count > 0 else { return 0 }
        let before = processorTime()
        test(UnsafeRawBufferPointer(start: data, count: count))
        let took = processorTime() - before
        expect(count < 1024 || took < slowest * count, "slow: \(took / count) ns a byte for \(count) bytes")
        return 0
    }
}

/// The most that an input may take, in nanoseconds for each of its bytes.
private let slowest = 20_000

/// What this thread has used so far, in nanoseconds.
private func processorTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Where an input is cut, as a network might cut it.
///
/// The way is drawn from the input itself, so that an input that failed fails again: for one half of all inputs after
/// every byte, for the other half after 1 to 32.
public struct Pieces {
    private let count: Int
    private var state: UInt64
    private var end = 0
    private let largest: UInt64

    /// All of the input at once.
    public init(wholeOf bytes: UnsafeRawBufferPointer) {
        count = bytes.count
        largest = 0
        state = 0
    }

    /// The input in pieces.
    public init(of bytes: UnsafeRawBufferPointer) {
        count = bytes.count
        // FNV-1a, which is enough to make the way differ from input to input.
        state = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0100_0000_01B3 }
        largest = state >> 40 & 1 == 0 ? 1 : 32
    }

    /// Whether what was used up is dropped from the front at once, rather than kept.
    public var drops: Bool { state & 1 == 1 }

    /// The end of the next piece; nil after the last.
    public mutating func next() -> Int? {
        guard end < count else { return nil }
        guard largest > 0 else {
            end = count
            return end
        }
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        end = min(count, end + 1 + Int((state >> 33) % largest))
        return end
    }
}
