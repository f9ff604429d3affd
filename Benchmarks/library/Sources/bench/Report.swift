#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
import CountedMalloc

/// Times calls and compares them with their targets.
struct Report {
    /// What a call may cost at most.
    enum Target {
        case none
        case nanoseconds(Double)
        /// So many times what was measured before under that name.
        case times(Double, String)
    }

    private static let runs = 5
    private var missed = 0
    private var medians: [String: Double] = [:]

    /// Times what does not suspend; the median of five runs after one that warms up.
    @inline(__always)
    mutating func measure(
        _ name: String, _ target: Target = .none, calls: Int = 500_000, allocates: Bool? = nil,
        _ body: () -> Void
    ) {
        var times: [Double] = []
        let before = counted_allocations()
        for run in 0...Self.runs {
            let nanoseconds = Self.time(calls) { for _ in 0..<calls { body() } }
            if run > 0 { times.append(nanoseconds) }
        }
        add(
            name, target, times, allocated: counted_allocations() - before, of: calls * (Self.runs + 1),
            allocates)
    }

    /// The same for what may suspend, on the caller's actor.
    @inline(__always)
    mutating func measure(
        _ name: String, _ target: Target = .none, calls: Int = 500_000, allocates: Bool? = nil,
        awaiting body: () async throws -> Void
    ) async throws {
        var times: [Double] = []
        let clock = ContinuousClock(), before = counted_allocations()
        for run in 0...Self.runs {
            let begin = clock.now
            for _ in 0..<calls { try await body() }
            if run > 0 { times.append((clock.now - begin) / .nanoseconds(1) / Double(calls)) }
        }
        add(
            name, target, times, allocated: counted_allocations() - before, of: calls * (Self.runs + 1),
            allocates)
    }

    /// Times two threads that make the same calls at the same time; the time of one call of one thread.
    mutating func measureTwoThreads(
        _ name: String, _ target: Target, calls: Int = 500_000, _ body: @escaping @Sendable (Int) -> Void
    ) async {
        var times: [Double] = []
        for run in 0...Self.runs {
            let nanoseconds = await withTaskGroup(of: Double.self) { group in
                for _ in 0..<2 { group.addTask { Self.time(calls) { body(calls) } } }
                return await group.reduce(0, max)
            }
            if run > 0 { times.append(nanoseconds) }
        }
        add(name, target, times, allocated: 0, of: 1, nil)
    }

    @inline(__always)
    private static func time(_ calls: Int, _ body: () -> Void) -> Double {
        let clock = ContinuousClock(), begin = clock.now
        body()
        return (clock.now - begin) / .nanoseconds(1) / Double(calls)
    }

    private mutating func add(
        _ name: String, _ target: Target, _ times: [Double], allocated: Int, of calls: Int, _ allocates: Bool?
    ) {
        let median = times.sorted()[times.count / 2]
        medians[name] = median
        let (limit, bound): (Double?, String) =
            switch target {
            case .none: (nil, "")
            case .nanoseconds(let limit): (limit, " (at most \(Int(limit)))")
            case .times(let factor, let other):
                (factor * (medians[other] ?? 0), " (at most \(factor) x \(other))")
            }
        // A few allocations are the runtime's own.
        let isFree = allocated < calls / 1000
        let isMissed = limit.map { median > $0 } ?? false || allocates == false && !isFree
        if isMissed { missed += 1 }
        let mark = limit == nil && allocates == nil ? "      " : isMissed ? "MISSED" : "ok    "
        let each = Double(allocated) / Double(max(calls, 1))
        let memory =
            allocates == nil
            ? "" : isFree ? ", allocates nothing" : ", allocates \((each * 10).rounded() / 10) times"
        print("\(mark) \(name): \((median * 10).rounded() / 10) ns\(bound)\(memory)")
    }

    func finish() {
        print(missed == 0 ? "all targets met" : "\(missed) missed")
        if missed > 0 { exit(1) }
    }
}
