import Counting

/// Measures calls and prints a line of JSON for each: nanoseconds and allocations, or instructions under callgrind.
struct Report {
    /// What a row is compared by.
    enum Measure: String {
        /// Instructions: of calls that stay on one thread.
        case instructions
        /// Multiples of a reading of the clock in the same run: of calls that need others.
        case clock
    }

    private static let runs = 5
    private static let countedCalls = 2000
    private let counts = counts_instructions() != 0

    /// Measures what does not suspend; the median of five runs after one that warms up.
    @inline(__always)
    func measure(
        _ name: String, by measure: Measure = .instructions, calls: Int = 500_000, _ body: () -> Void
    ) {
        if counts {
            guard measure == .instructions else { return }
            for _ in 0..<Self.countedCalls { body() }
            begin_instructions()
            for _ in 0..<Self.countedCalls { body() }
            return end_instructions(name)
        }
        var times: [Double] = []
        let before = counted_allocations()
        for run in 0...Self.runs {
            let nanoseconds = Self.time(calls) { for _ in 0..<calls { body() } }
            if run > 0 { times.append(nanoseconds) }
        }
        add(name, measure, times, allocated: counted_allocations() - before, of: calls)
    }

    /// The same for what may suspend, on the caller's actor.
    @inline(__always)
    func measure(
        _ name: String, by measure: Measure = .instructions, calls: Int = 500_000,
        isolation: isolated (any Actor)? = #isolation, awaiting body: () async throws -> Void
    ) async throws {
        if counts {
            guard measure == .instructions else { return }
            for _ in 0..<Self.countedCalls { try await body() }
            begin_instructions()
            for _ in 0..<Self.countedCalls { try await body() }
            return end_instructions(name)
        }
        var times: [Double] = []
        let clock = ContinuousClock(), before = counted_allocations()
        for run in 0...Self.runs {
            let begin = clock.now
            for _ in 0..<calls { try await body() }
            if run > 0 { times.append((clock.now - begin) / .nanoseconds(1) / Double(calls)) }
        }
        add(name, measure, times, allocated: counted_allocations() - before, of: calls)
    }

    /// Times two threads that make the same calls at the same time; the time of one call of one thread.
    func measureTwoThreads(
        _ name: String, calls: Int = 500_000, _ body: @escaping @Sendable (Int) -> Void
    ) async {
        guard !counts else { return }
        var times: [Double] = []
        for run in 0...Self.runs {
            let nanoseconds = await withTaskGroup(of: Double.self) { group in
                for _ in 0..<2 { group.addTask { Self.time(calls) { body(calls) } } }
                return await group.reduce(0, max)
            }
            if run > 0 { times.append(nanoseconds) }
        }
        add(name, .clock, times, allocated: 0, of: calls)
    }

    @inline(__always)
    private static func time(_ calls: Int, _ body: () -> Void) -> Double {
        let clock = ContinuousClock(), begin = clock.now
        body()
        return (clock.now - begin) / .nanoseconds(1) / Double(calls)
    }

    private func add(_ name: String, _ measure: Measure, _ times: [Double], allocated: Int, of calls: Int) {
        let nanoseconds = times.sorted()[times.count / 2]
        let allocations = Double(allocated) / Double(calls * (Self.runs + 1))
        print(
            #"{"name": "\#(name)", "measure": "\#(measure.rawValue)", "nanoseconds": \#(nanoseconds), "allocations": \#(allocations)}"#
        )
    }
}
