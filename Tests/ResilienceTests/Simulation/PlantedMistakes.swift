import Resilience
import ResilienceTesting
import Synchronization

/// Small primitives, each with a mistake that can be switched on.
enum Planted: String, CaseIterable, Sendable {
    case lostPermit = "a cancelled waiter takes its permit with it"
    case doubleSettle = "an answer and a timeout both settle"
    case lostWakeup = "a release between the look and the wait is missed"
    case leaderKills = "the leader's cancellation kills those who wait for its load"
    case staleGeneration = "a result of an earlier generation counts"
    case wrongResult = "an item that leaves its batch shifts the results of those behind it"

    /// Runs the primitive among callers, with its mistake or without.
    func body(isBroken: Bool) -> @Sendable (Simulation) async throws -> Void {
        switch self {
        case .lostPermit: { try await semaphore($0, losesPermits: isBroken, losesWakeups: false) }
        case .lostWakeup: { try await semaphore($0, losesPermits: false, losesWakeups: isBroken) }
        case .doubleSettle: { await settling($0, twice: isBroken) }
        case .leaderKills: { await singleFlight($0, leaderKills: isBroken) }
        case .staleGeneration: { await generations($0, areIgnored: isBroken) }
        case .wrongResult: { await batch($0, shifts: isBroken) }
        }
    }
}

// MARK: A semaphore

/// One place, and a queue for it.
private final class Semaphore: Sendable {
    fileprivate typealias Waiter = CheckedContinuation<Bool, Never>
    fileprivate struct State {
        var isFree = true
        var waiters: [(id: Int, waiter: Waiter)] = []
        var lastID = 0
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())
    private let simulation: Simulation
    private let losesPermits: Bool, losesWakeups: Bool

    init(_ simulation: Simulation, losesPermits: Bool, losesWakeups: Bool) {
        self.simulation = simulation
        self.losesPermits = losesPermits
        self.losesWakeups = losesWakeups
    }

    var isFree: Bool { state.withLock { $0.isFree } }

    func enter() async throws {
        if losesWakeups {
            if state.withLock({ $0.takeIfFree() }) { return }
            await simulation.pause()
        }
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        let isIn = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: Waiter) in
                let answer = state.withLock { $0.queue(id, waiter, looksAgain: !losesWakeups) }
                if let answer { waiter.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.withdraw(id) }?.resume(returning: false)
        }
        guard isIn else { throw CancellationError() }
        // Who is cancelled after it got its place must give it back.
        guard Task.isCancelled else { return }
        if !losesPermits { leave() }
        throw CancellationError()
    }

    func leave() {
        state.withLock { $0.next() }?.resume(returning: true)
    }
}

extension Semaphore.State {
    mutating func takeIfFree() -> Bool {
        defer { isFree = false }
        return isFree
    }

    /// - Returns: The answer if it is known at once.
    mutating func queue(_ id: Int, _ waiter: CheckedContinuation<Bool, Never>, looksAgain: Bool) -> Bool? {
        if cancelled.remove(id) != nil { return false }
        if looksAgain, takeIfFree() { return true }
        waiters.append((id, waiter))
        return nil
    }

    mutating func withdraw(_ id: Int) -> CheckedContinuation<Bool, Never>? {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else {
            cancelled.insert(id)
            return nil
        }
        return waiters.remove(at: index).waiter
    }

    mutating func next() -> CheckedContinuation<Bool, Never>? {
        guard !waiters.isEmpty else {
            isFree = true
            return nil
        }
        return waiters.removeFirst().waiter
    }
}

private func semaphore(_ simulation: Simulation, losesPermits: Bool, losesWakeups: Bool) async throws {
    let semaphore = Semaphore(simulation, losesPermits: losesPermits, losesWakeups: losesWakeups)
    let inside = Book(0)
    simulation.crowd(5, within: .milliseconds(10)) { _ in
        try await semaphore.enter()
        inside {
            $0 += 1
            simulation.expect($0 == 1, "two inside")
        }
        defer {
            inside { $0 -= 1 }
            semaphore.leave()
        }
        try await simulation.hazard()
    }
    await simulation.untilIdle()
    simulation.expect(semaphore.isFree, "the place was lost")
}

// MARK: An answer or a timeout

private func settling(_ simulation: Simulation, twice: Bool) async {
    for _ in 0..<3 {
        let settled = Book(0)
        let settle: @Sendable () -> Void = {
            settled { if twice || $0 == 0 { $0 += 1 } }
        }
        let timer = simulation.start("timer", cancellable: false) {
            try await simulation.time.sleep(for: .milliseconds(5))
            settle()
        }
        let work = simulation.start("work", cancellable: false) {
            try? await simulation.hazard()
            if settled({ $0 }) == 0 {
                // The look and the deed are not one step.
                await simulation.pause()
                settle()
            }
            timer.cancel()
        }
        _ = await (timer.result, work.result)
        simulation.expect(settled { $0 } == 1, "settled \(settled { $0 }) times")
    }
}

// MARK: A single flight

/// One load for all who ask while it runs.
private final class Flight: Sendable {
    private let running = Mutex<SimulatedCall<Int>?>(nil)
    private let simulation: Simulation
    private let leaderKills: Bool

    init(_ simulation: Simulation, leaderKills: Bool) {
        self.simulation = simulation
        self.leaderKills = leaderKills
    }

    func value() async throws -> Int {
        if let load = running.withLock({ $0 }) { return try await load.result.get() }
        let load = simulation.start("load", cancellable: false) { [simulation] in
            try await simulation.time.sleep(for: .milliseconds(5))
            return 1
        }
        running.withLock { $0 = load }
        defer { running.withLock { $0 = nil } }
        return try await withTaskCancellationHandler {
            try await load.result.get()
        } onCancel: {
            if leaderKills { load.cancel() }
        }
    }
}

private func singleFlight(_ simulation: Simulation, leaderKills: Bool) async {
    let flight = Flight(simulation, leaderKills: leaderKills)
    simulation.crowd(5, within: .milliseconds(10)) { _ in
        do { _ = try await flight.value() } catch { simulation.expectFair(error) }
    }
    await simulation.untilIdle()
}

// MARK: Generations

/// A switch that failures open and that opens for a new generation each time.
private func generations(_ simulation: Simulation, areIgnored: Bool) async {
    let state = Book((isOpen: false, generation: 0))
    simulation.crowd(5, calls: 2, within: .milliseconds(10)) { _ in
        let admitted = state { $0 }
        guard !admitted.isOpen else { return }
        do { try await simulation.hazard() } catch {
            state { state in
                guard areIgnored || state.generation == admitted.generation else { return }
                simulation.expect(state.generation == admitted.generation, "a late result opened it again")
                state = (true, state.generation + 1)
            }
        }
    }
    simulation.start("operator", cancellable: false) {
        for _ in 0..<5 {
            try await simulation.delay(upTo: .milliseconds(6))
            state { if $0.isOpen { $0 = (false, $0.generation + 1) } }
        }
    }
    await simulation.untilIdle()
}

// MARK: A batch

/// Callers whose items are doubled together; one that is cancelled takes its item out.
private func batch(_ simulation: Simulation, shifts: Bool) async {
    let waiting = Book([Int]()), results = Book([Int: Int]())
    for item in 0..<6 {
        simulation.start("item \(item)") {
            waiting { $0.append(item) }
            try await withTaskCancellationHandler {
                try await simulation.time.sleep(for: .milliseconds(5))
            } onCancel: {
                waiting { $0.removeAll { $0 == item } }
            }
            if let result = results({ $0[item] }) {
                simulation.expect(result == item * 2, "\(item) got \(result)")
            }
        }
    }
    simulation.start("batch", cancellable: false) {
        try await simulation.time.sleep(for: .milliseconds(2))
        let items = waiting { $0 }
        await simulation.pause()
        let outputs = items.map { $0 * 2 }
        let owners = shifts ? waiting { $0 } : items
        results { results in
            for (item, output) in zip(owners, outputs) { results[item] = output }
        }
    }
    await simulation.untilIdle()
}
