import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

@Suite struct SpawnerTests {
    @TaskLocal static var tenant = "none"

    private struct Seen: Equatable {
        var tenant: String
        var priority: TaskPriority
    }

    /// What work sees that a background task of a tenant starts.
    private func seen(by spawner: Spawner) async -> Seen? {
        let seen = Recorder<Seen>()
        Self.$tenant.withValue("acme") {
            _ = Task(priority: .background) {
                spawner.spawn { seen.record(Seen(tenant: Self.tenant, priority: Task.currentPriority)) }
            }
        }
        await until { !seen.events.isEmpty }
        return seen.events.first
    }

    @Test func `a spawner says what its work gets of who starts it`() async {
        #expect(await seen(by: .tasks) == Seen(tenant: "acme", priority: .background))
        #expect(await seen(by: .sharing) == Seen(tenant: "none", priority: .background))
        let detached = await seen(by: .detached)
        #expect(detached?.tenant == "none" && detached?.priority != .background)
    }

    @Test(arguments: [true, false])
    func `work runs on the executor that its spawner names`(isShared: Bool) async {
        let executor = SteppedExecutor(), done = Recorder<Void>()
        let spawner = isShared ? Spawner.sharing(on: executor) : .tasks(on: executor)
        spawner.spawn { done.record(()) }
        await until { executor.waiting == 1 }
        #expect(done.events.isEmpty)
        executor.run(at: 0)
        #expect(done.events.count == 1)
    }

    @Test func `a load and a batch have the task-local values of none of their callers`() async throws {
        let cache = Cache<String, String>(),
            batcher = Batcher<Int, String>("test", policy: .init(.fixed(1))) {
                $0.map { _ in Self.tenant }
            }
        let tenants = try await Self.$tenant.withValue("acme") {
            let loaded = try await cache.value(for: "a") { _ in Self.tenant }
            return [loaded, try await batcher.submit(1)]
        }
        #expect(tenants == ["none", "none"])
    }

    // MARK: Urgency

    // Not from the background: tasks of that priority wait for all other tests.

    /// Starts tasks that share, and writes down what they are raised to.
    private static func recording(_ raised: Recorder<TaskPriority>) -> Spawner {
        Spawner { work in
            let spawned = Spawner.sharing.spawn(work)
            return Spawner.Spawned(
                cancel: { spawned.cancel() },
                escalate: { priority in
                    raised.record(priority)
                    spawned.escalate(to: priority)
                })
        }
    }

    @Test func `an urgent caller raises the load that it joins, once, and others do not`() async throws {
        let raised = Recorder<TaskPriority>(), gate = Mutex(false), priorities = Recorder<TaskPriority>()
        let cache = Cache<String, Int>(spawner: Self.recording(raised))
        let load: Cache<String, Int>.Load = { _ in
            priorities.record(Task.currentPriority)
            await until { gate.withLock { $0 } }
            priorities.record(Task.currentPriority)
            return 1
        }
        let patient = Task(priority: .medium) { try await cache.value(for: "a", load: load) }
        await until { priorities.events == [.medium] }
        let low = Task(priority: .medium) { try await cache.value(for: "a", load: load) }
        await until { cache.counts.misses == 2 }
        #expect(raised.events.isEmpty)
        let urgent = Task(priority: .high) { try await cache.value(for: "a", load: load) }
        await until { raised.events == [.high] }
        let other = Task(priority: .high) { try await cache.value(for: "a", load: load) }
        await until { cache.counts.misses == 4 }
        gate.withLock { $0 = true }
        for task in [patient, low, urgent, other] { #expect(try await task.value == 1) }
        #expect(priorities.events == [.medium, .high])
        #expect(raised.events == [.high])
    }

    @Test func `a caller that becomes more urgent while it waits raises its load`() async throws {
        guard #available(macOS 26, iOS 26, tvOS 26, watchOS 26, visionOS 26, *) else { return }
        let raised = Recorder<TaskPriority>(), gate = Mutex(false), begun = Recorder<Void>()
        let cache = Cache<String, Int>(spawner: Self.recording(raised))
        let caller = Task(priority: .medium) {
            try await cache.value(for: "a") { _ in
                begun.record(())
                await until { gate.withLock { $0 } }
                return 1
            }
        }
        await until { begun.events.count == 1 }
        caller.escalatePriority(to: .high)
        await until { raised.events == [.high] }
        #expect(raised.events == [.high])
        gate.withLock { $0 = true }
        #expect(try await caller.value == 1)
    }

    @Test func `a caller that becomes more urgent while it waits raises its batch`() async throws {
        guard #available(macOS 26, iOS 26, tvOS 26, watchOS 26, visionOS 26, *) else { return }
        let raised = Recorder<TaskPriority>(), gate = Mutex(false), begun = Recorder<Void>()
        let batcher = Batcher<Int, Int>(
            "test", policy: BatcherPolicy(.fixed(1)), spawner: Self.recording(raised)
        ) { items in
            begun.record(())
            await until { gate.withLock { $0 } }
            return items
        }
        let caller = Task(priority: .medium) { try await batcher.submit(1) }
        await until { begun.events.count == 1 }
        caller.escalatePriority(to: .high)
        await until { raised.events == [.high] }
        #expect(raised.events == [.high])
        gate.withLock { $0 = true }
        #expect(try await caller.value == 1)
    }

    @Test func `the load that takes the place of a given up one is as urgent as who waits for it`() throws {
        var flights = Cache<String, Int>.Flights()
        let (start, _) = flights.begin("a"), waiter = flights.join(start.flight)
        #expect(flights.raise(waiter, to: .high) == start.flight)
        let handOver = flights.handOver(start.flight)
        let next = try #require(handOver).start
        #expect(flights.priority(of: next.flight) == .high)
        let (third, _) = flights.begin("a", replacing: next.flight)
        #expect(flights.priority(of: third.flight) == .high)
        #expect(flights.raise(waiter, to: .low) == third.flight)
        #expect(flights.priority(of: third.flight) == .high)
        #expect(flights.withdraw(waiter).waited)
        #expect(flights.raise(waiter, to: .high) == nil)
    }

    @Test func `an urgent item raises the timer that it waits for, and its batch`() async throws {
        let raised = Recorder<TaskPriority>(), clock = VirtualClock(), priorities = Recorder<TaskPriority>()
        let batcher = Batcher<Int, Int>(
            "test", policy: BatcherPolicy(.fixed(9), maximumLinger: .seconds(1)), time: TimeSource(clock),
            spawner: Self.recording(raised)
        ) { items in
            priorities.record(Task.currentPriority)
            return items
        }
        let patient = Task(priority: .medium) { try await batcher.submit(1) }
        await clock.untilSleepers(1)
        let urgent = Task(priority: .high) { try await batcher.submit(2) }
        await until { raised.events == [.high] }
        await until { batcher.snapshot.accepted == 2 }
        clock.advance(by: .seconds(1))
        await until { batcher.snapshot.batches == 1 }
        #expect(try await urgent.value == 2)
        #expect(try await patient.value == 1)
        #expect(priorities.events == [.high])
    }

    @Test func `a batch that a background task starts is as urgent as its most urgent item`() async throws {
        let raised = Recorder<TaskPriority>()
        let batcher = Batcher<Int, Int>(
            "test", policy: BatcherPolicy(.fixed(2), maximumLinger: .seconds(60)),
            time: TimeSource(VirtualClock()), spawner: Self.recording(raised)
        ) { $0 }
        let urgent = Task(priority: .high) { try await batcher.submit(1) }
        await until { batcher.snapshot.accepted == 1 }
        let patient = Task(priority: .medium) { try await batcher.submit(2) }
        await until { batcher.snapshot.answered == 2 }
        #expect(raised.events == [.high])
        _ = try await (urgent.value, patient.value)
    }

    // MARK: The task of shared work

    @Test func `who comes before the task is known raises it when it is`() {
        let done = Recorder<String>()
        let task = Spawner.Spawned(
            cancel: { done.record("cancel") }, escalate: { done.record("\($0.rawValue)") })
        var work = SharedWork(at: .background, wanted: .low)
        #expect(work.raise(to: .high) == nil)
        work.know(task)?()
        #expect(done.events == ["\(TaskPriority.high.rawValue)"])
        #expect(work.raise(to: .medium) == nil && work.raise(to: .high) == nil)
        work.giveUp()?()
        #expect(done.events.last == "cancel")
    }

    @Test func `work that is given up before its task is known is cancelled when it is`() {
        let done = Recorder<String>()
        var work = SharedWork(at: .low, wanted: .low)
        #expect(work.giveUp() == nil)
        work.know(Spawner.Spawned { done.record("cancel") })?()
        #expect(done.events == ["cancel"])
        Spawner.Spawned { done.record("cancel") }.escalate(to: .high)
        #expect(done.events.count == 1, "what cannot be raised stays as it is")
    }
}
